#include "app/moving/imap_mailbox.h"

#include <algorithm>

#include "app/limits.h"
#include "base/ascii.h"
#include "net/loop.h"
#include "store/limits.h"

namespace posthouse::app::moving {

using namespace wire::imap_client;

namespace {

// All that is wanted of a letter, and no mark on it (RFC 3501 section 6.4.5: PEEK).
constexpr std::string_view kItems = "(UID FLAGS INTERNALDATE BODY.PEEK[])";

bool may_pass(const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::closed:
    case FaultKind::timeout:
    case FaultKind::temporary:
    case FaultKind::io:
    case FaultKind::syntax:  // out of step: a new connection begins anew
      return true;
    default:
      return false;
  }
}

milliseconds pause_before(int tries) {
  milliseconds out = kImapFirstPause;
  for (int i = 1; i < tries && out < kImapLongestPause; ++i) out *= 2;
  return std::min(out, kImapLongestPause);
}

// The same bits. A keyword that the store has no room for would take the others of its letter with it.
store::FlagSet our_flags(const wire::imap::Flags& flags) {
  store::FlagSet out{flags.system, flags.keywords};
  std::erase_if(out.keywords, [](const std::string& name) { return name.size() > store::kMaxKeywordBytes; });
  return out;
}

}  // namespace

Task<Result<ImapConnection*>> ImapSession::get() {
  if (!now_) {
    auto opened = co_await ImapConnection::open(options_);
    // Who was let in once is let in again, as a rule: too many connections, say.
    const bool later = !opened && was_in_ && opened.error().kind == FaultKind::policy;
    if (later) co_return fail(FaultKind::temporary, opened.error().what);
    if (!opened) co_return std::unexpected(opened.error());
    now_ = std::move(*opened);
    was_in_ = true;
  }
  co_return now_.get();
}

Task<void> ImapSession::end() {
  if (now_) co_await now_->end();
  now_.reset();
}

ImapMailbox::Letter* ImapMailbox::find(uint32_t uid) {
  const auto found = std::ranges::lower_bound(letters_, uid, {}, &Letter::uid);
  return found == letters_.end() || found->uid != uid ? nullptr : &*found;
}

void ImapMailbox::finish(Letter& letter) {
  if (letter.state == State::done) return;
  letter.state = State::done;
  progress_ = true;
  ++passed_;
  if (passed_ <= mailbox_.amount) reading_.passed(1);
}

void ImapMailbox::bad(Letter& letter, const Fault& fault) {
  reading_.bad(fmt::format("{}, UID {}", mailbox_.name, letter.uid), fault);
  finish(letter);
}

Task<Result<void>> ImapMailbox::examine(ImapConnection& connection) {
  auto name = quoted(mailbox_.path);
  if (!name) co_return std::unexpected(name.error());
  uint32_t validity = 0;
  exists_ = 0;
  std::string command = "EXAMINE " + *name;
  ImapConnection::Each note = [&](Response& response) -> Result<void> {
    if (const auto* exists = std::get_if<Exists>(&response)) exists_ = exists->count;
    const auto* status = std::get_if<Status>(&response);
    if (status != nullptr && status->code == "UIDVALIDITY")
      validity = static_cast<uint32_t>(parse_uint(status->code_value).value_or(0));
    return {};
  };
  auto done = co_await connection.run(std::move(command), std::move(note));
  if (!done) co_return std::unexpected(done.error());
  if (done->kind != Status::ok) {
    refused_ = true;
    co_return fault_of(*done);
  }
  if (validity_ && *validity_ != validity)
    co_return fail(FaultKind::permanent,
                   "the other server gives all letters new numbers meanwhile; repeat the command");
  validity_ = validity;
  co_return Result<void>();
}

Task<Result<void>> ImapMailbox::list(ImapConnection& connection) {
  if (exists_ == 0) co_return Result<void>();
  if (exists_ > kImapLetters)
    co_return fail(FaultKind::permanent, fmt::format("the mailbox has {} letters", exists_));
  std::vector<Letter> found;
  ImapConnection::Each note = [&](Response& response) -> Result<void> {
    const auto* fetched = std::get_if<Fetched>(&response);
    if (fetched == nullptr || !fetched->uid) return {};
    if (found.size() >= kImapLetters || found.size() > 2ull * exists_ + kImapAside)
      return fail(FaultKind::permanent, "the other server lists more letters than it has");
    connection.was_wanted();
    const uint64_t size = fetched->size.value_or(0);
    if (reading_.sync_flags) flags_[*fetched->uid] = our_flags(fetched->flags);
    found.push_back({*fetched->uid, static_cast<uint32_t>(std::min<uint64_t>(size, UINT32_MAX))});
    return {};
  };
  std::string command = "UID FETCH 1:* (UID RFC822.SIZE)";
  if (reading_.sync_flags) command.insert(command.size() - 1, " FLAGS");
  auto done = co_await connection.run(std::move(command), std::move(note));
  if (!done) co_return std::unexpected(done.error());
  if (done->kind != Status::ok) co_return fault_of(*done);
  if (found.empty()) co_return fail(FaultKind::temporary, "the other server does not list its letters");
  std::ranges::sort(found, {}, &Letter::uid);
  const auto doubles = std::ranges::unique(found, {}, &Letter::uid);
  found.erase(doubles.begin(), doubles.end());
  letters_ = std::move(found);
  co_return Result<void>();
}

// What need not be fetched.
void ImapMailbox::pass_known() {
  KnownLetters* memory = memory_(*validity_);
  for (Letter& letter : letters_) {
    const auto known = memory == nullptr ? std::nullopt : memory->find(letter.uid);
    const bool there = known && reading_.known(known->size, known->checksum, flags_[letter.uid]);
    if (!there && known && only_new_) reading_.unread(true);
    if (!there && !(known && only_new_)) {
      if (!reading_.dry_run) continue;
      reading_.unread(false);
    }
    finish(letter);
  }
  if (memory != nullptr) memory->forget();
  flags_.clear();
}

// Letters that stand side by side in the mailbox are a range.
std::string ImapMailbox::set_of(size_t first, size_t end) const {
  std::string out;
  for (size_t i = first; i < end; ++i) {
    if (letters_[i].state == State::done) continue;
    size_t last = i;
    while (last + 1 < end && letters_[last + 1].state != State::done) ++last;
    if (!out.empty()) out += ',';
    out += fmt::to_string(letters_[i].uid);
    if (last > i) out += fmt::format(":{}", letters_[last].uid);
    i = last;
  }
  return out;
}

size_t ImapMailbox::batch_end(size_t first) const {
  uint64_t bytes = 0;
  size_t count = 0, end = first;
  for (; end < letters_.size(); ++end) {
    if (letters_[end].state == State::done) continue;
    bytes += letters_[end].size;
    if (count > 0 && (ended_ > 0 || count == kImapTogether || bytes > kImapTogetherBytes)) break;
    ++count;
  }
  return end;
}

Task<Result<void>> ImapMailbox::ask(ImapConnection& connection, std::deque<Asked>& asked) {
  const size_t ahead = ended_ > 0 ? 1 : kImapAhead;
  while (asked.size() < ahead) {
    while (next_ < letters_.size() && letters_[next_].state == State::done) ++next_;
    if (next_ == letters_.size()) break;
    Asked one;
    one.first = next_;
    one.end = next_ = batch_end(next_);
    std::string command = fmt::format("UID FETCH {} {}", set_of(one.first, one.end), kItems);
    auto tag = co_await connection.send(std::move(command));
    if (!tag) co_return std::unexpected(tag.error());
    one.tag = std::move(*tag);
    asked.push_back(std::move(one));
  }
  co_return Result<void>();
}

Result<void> ImapMailbox::give(ImapConnection& connection, Fetched& fetched, Letter& letter) {
  moving::Letter out;
  out.id = letter.uid;
  out.where = fmt::format("{}, UID {}", mailbox_.name, letter.uid);
  out.date = fetched.date ? SystemTime(seconds(*fetched.date)) : system_clock().now();
  out.flags = our_flags(fetched.flags);
  const std::string text = std::move(fetched.text);
  out.read = [&](uint64_t offset, size_t length) -> Result<std::string> {
    if (fetched.body == Fetched::streamed) return connection.spool().read(offset, length);
    return offset < text.size() ? text.substr(offset, length) : std::string();
  };
  auto done = reading_.letter(out);
  if (!done) sink_ = done.error();
  return done;
}

Result<void> ImapMailbox::take(ImapConnection& connection, Fetched& fetched) {
  Letter* letter = fetched.uid ? find(*fetched.uid) : nullptr;
  if (letter == nullptr || letter->state == State::done) return {};
  letter->state = State::seen;
  if (fetched.body == Fetched::none) return {};
  connection.was_wanted();
  if (auto given = give(connection, fetched, *letter); !given) return given;
  finish(*letter);
  tries_ = ended_ = 0;
  return {};
}

Task<Result<void>> ImapMailbox::fetch(ImapConnection& connection) {
  std::deque<Asked> asked;
  next_ = 0;
  while (true) {
    auto sent = co_await ask(connection, asked);
    if (!sent) co_return sent;
    if (asked.empty()) co_return Result<void>();
    auto response = co_await connection.receive();
    if (!response) co_return std::unexpected(response.error());
    if (auto* fetched = std::get_if<Fetched>(&*response)) {
      if (auto taken = take(connection, *fetched); !taken) co_return taken;
      continue;
    }
    const auto* status = std::get_if<Status>(&*response);
    if (status == nullptr || status->tag != asked.front().tag) continue;
    connection.was_wanted();
    if (status->kind != Status::ok && fault_of(*status).error().kind == FaultKind::temporary)
      co_return fault_of(*status);
    Asked those = std::move(asked.front());
    asked.pop_front();
    if (set_of(those.first, those.end).empty()) continue;
    // What did not come is asked for once more, alone; nothing else may be under way then.
    if (!asked.empty()) next_ = asked.front().first;
    auto rest = co_await drain(connection, asked);
    if (!rest) co_return rest;
    auto alone = co_await fetch_alone(connection, std::move(those));
    if (!alone) co_return alone;
  }
}

// Takes what is under way.
Task<Result<void>> ImapMailbox::drain(ImapConnection& connection, std::deque<Asked>& asked) {
  while (!asked.empty()) {
    auto response = co_await connection.receive();
    if (!response) co_return std::unexpected(response.error());
    if (auto* fetched = std::get_if<Fetched>(&*response)) {
      if (auto taken = take(connection, *fetched); !taken) co_return taken;
    }
    const auto* status = std::get_if<Status>(&*response);
    if (status != nullptr && status->tag == asked.front().tag) asked.pop_front();
  }
  co_return Result<void>();
}

Task<Result<void>> ImapMailbox::fetch_alone(ImapConnection& connection, Asked those) {
  for (size_t i = those.first; i < those.end; ++i) {
    if (letters_[i].state == State::done) continue;
    letters_[i].state = State::waiting;
    auto done = co_await fetch_one(connection, letters_[i]);
    if (!done) co_return done;
  }
  co_return Result<void>();
}

Task<Result<void>> ImapMailbox::fetch_one(ImapConnection& connection, Letter& letter) {
  std::string command = fmt::format("UID FETCH {} {}", letter.uid, kItems);
  ImapConnection::Each note = [&](Response& response) -> Result<void> {
    auto* fetched = std::get_if<Fetched>(&response);
    if (fetched == nullptr) return {};
    if (!fetched->uid && fetched->body != Fetched::none) fetched->uid = letter.uid;  // some forget it
    return take(connection, *fetched);
  };
  auto done = co_await connection.run(std::move(command), note);
  if (!done) co_return std::unexpected(done.error());
  if (letter.state == State::done) co_return Result<void>();
  if (done->kind == Status::ok && letter.state == State::waiting) {  // is it really gone?
    command = fmt::format("UID FETCH {} (UID FLAGS)", letter.uid);
    auto looked = co_await connection.run(std::move(command), note);
    if (!looked) co_return std::unexpected(looked.error());
  }
  if (done->kind != Status::ok) {
    const Fault fault = fault_of(*done).error();
    if (fault.kind == FaultKind::temporary) co_return std::unexpected(fault);
    bad(letter, fault);
  } else if (letter.state == State::seen) {
    bad(letter, {FaultKind::io, "the other server has it, and does not send it"});
  } else {
    finish(letter);  // it was expunged meanwhile
  }
  co_return Result<void>();
}

Task<Result<void>> ImapMailbox::attempt() {
  progress_ = fetching_ = false;
  auto connection = co_await session_.get();
  if (!connection) co_return std::unexpected(connection.error());
  auto state = co_await examine(**connection);
  if (state && !listed_) {
    state = co_await list(**connection);
    if (!state) co_return state;
    listed_ = true;
    pass_known();
    progress_ = false;  // nothing came yet
  }
  if (!state || reading_.dry_run) co_return state;
  fetching_ = true;
  state = co_await fetch(**connection);
  co_return state;
}

// The letter at which connections end, as far as one can tell: they ask for one at a time by then.
Result<void> ImapMailbox::leave_out_broken(const Fault& why) {
  const auto first = std::ranges::find_if(letters_, [](const Letter& l) { return l.state != State::done; });
  if (first == letters_.end()) return {};
  if (++session_.broken_letters > kImapBrokenLetters) return std::unexpected(why);
  bad(*first, why);
  tries_ = ended_ = 0;
  return {};
}

// Whether to go on after a connection ended, and when.
Task<Result<void>> ImapMailbox::recover(Fault why) {
  session_.drop();
  if (!may_pass(why) || (why.kind == FaultKind::syntax && !fetching_)) co_return std::unexpected(why);
  if (progress_) tries_ = ended_ = 0;
  ++tries_;
  if (fetching_) ++ended_;
  if (ended_ >= kImapLetterTries) co_return leave_out_broken(why);
  if (tries_ >= kImapTries)
    co_return fail(why.kind == FaultKind::syntax ? FaultKind::io : FaultKind::temporary,
                   why.what + "; repeat the command, it goes on where it was");
  auto slept = co_await net::this_loop().sleep(pause_before(tries_));
  co_return slept;
}

Task<Result<void>> ImapMailbox::read() {
  while (true) {
    auto state = co_await attempt();
    if (state) break;
    if (sink_) {
      session_.drop();
      co_return std::unexpected(*sink_);
    }
    if (refused_ && !may_pass(state.error())) {
      reading_.bad(mailbox_.name, state.error());
      break;
    }
    auto again = co_await recover(state.error());
    if (!again) co_return again;
  }
  if (passed_ < mailbox_.amount) reading_.passed(mailbox_.amount - passed_);
  co_return Result<void>();
}

}  // namespace posthouse::app::moving
