#include "app/moving/import.h"

#include <boost/json.hpp>
#include <future>
#include <map>
#include <set>

#include "app/limits.h"
#include "app/moving/names.h"
#include "base/ascii.h"
#include "engine/blob.h"

namespace posthouse::app::moving {
namespace {

namespace json = boost::json;

constexpr size_t kFrame = 256 * 1024;

struct Shape {
  uint64_t size = 0, checksum = 0;
  auto operator<=>(const Shape&) const = default;
};

json::array describe(const Letter& letter, uint64_t size) {
  json::array out;
  out.emplace_back(size);
  out.emplace_back(int64_t{letter.date.time_since_epoch().count()});
  out.emplace_back(letter.flags.system);
  out.push_back(json::array(letter.flags.keywords.begin(), letter.flags.keywords.end()));
  return out;
}

// As mailbox.list has it.
std::string_view store_role_name(store::Role role) {
  constexpr std::string_view kNames[] = {"none", "inbox", "drafts", "sent", "junk", "trash", "archive"};
  return kNames[static_cast<size_t>(role)];
}

bool same(const store::FlagSet& ours, const store::FlagSet& theirs) {
  const std::set<std::string, ILess> a(ours.keywords.begin(), ours.keywords.end());
  const std::set<std::string, ILess> b(theirs.keywords.begin(), theirs.keywords.end());
  return ours.system == theirs.system && std::ranges::equal(a, b, iequals);
}

Shape shape_of(std::string_view bytes) {
  engine::BlobChecksum checksum;
  checksum.feed(bytes);
  return {bytes.size(), checksum.value()};
}

// A letter from its begin to its end.
class LetterReader {
 public:
  explicit LetterReader(const Letter& letter) : letter_(letter) {}

  // Empty at the end.
  Result<std::string> next() {
    auto piece = letter_.read(at_, kFrame);
    if (piece) at_ += piece->size();
    return piece;
  }

 private:
  const Letter& letter_;
  uint64_t at_ = 0;
};

class Importer {
 public:
  Importer(control::Admin& admin, Source& source, const ImportOptions& options)
      : admin_(admin), source_(source), options_(options) {}

  Result<MoveOutcome> run();

 private:
  std::string target(const SourceMailbox& mailbox) const;
  Result<void> run(const SourceMailbox& mailbox);
  Result<void> find_roles();
  Result<void> make_mailbox(store::Role role);
  Result<void> find_present();
  Result<void> take(Letter& letter);
  Result<void> take_large(Letter& letter);
  Result<bool> is_there(const Shape& shape, const store::FlagSet& flags);
  Result<void> note_present(const json::array& values);
  Result<void> send_flags();
  Reading reading();
  void settle(const Letter& letter, const Shape& shape);
  void tell_settled();
  Result<void> send(json::array letters, const control::LetterPieces& pieces, bool more);
  Result<void> flush(bool more = false);
  Result<void> finish_sending();
  bool full() const { return batch_.size() == kImportTogether || bytes_.size() >= kImportBytes; }
  void bad(const std::string& where, const Fault& fault);
  json::object place() const {
    json::object out;
    out["address"] = options_.address;
    out["mailbox"] = now_.to;
    return out;
  }

  control::Admin& admin_;
  Source& source_;
  const ImportOptions& options_;
  MoveOutcome out_;
  MovedMailbox now_;
  std::map<std::string, std::string, std::less<>> roles_;  // of the account: role -> mailbox
  std::multimap<Shape, store::Uid> present_;
  std::map<store::Uid, store::FlagSet> flags_;                  // of those, if they are to be changed
  std::vector<std::pair<store::Uid, store::FlagSet>> changes_;  // of flags, that were not sent
  std::optional<Fault> failed_;                                 // sending them
  std::vector<Settled> sent_;                                   // in batch_
  std::future<Result<void>> sending_;  // the batch before, if it is under way; nobody else uses admin_ then
  std::vector<Settled> under_way_;     // in it
  std::vector<Settled> settled_;       // in the account, and the source does not know yet
  json::array batch_;                  // described
  std::string bytes_;                  // of them
  uint64_t passed_ = 0;
};

void Importer::bad(const std::string& where, const Fault& fault) {
  ++out_.skipped_count;
  if (out_.skipped.size() < kMostSkipped) out_.skipped.push_back(fmt::format("{}: {}", where, fault.what));
}

std::string Importer::target(const SourceMailbox& mailbox) const {
  if (options_.into.empty()) {
    const auto ours = roles_.find(store_role_name(mailbox.role));
    return mailbox.role == store::Role::none || ours == roles_.end() ? mailbox.name : ours->second;
  }
  return mailbox.name == "INBOX" || source_.mailboxes().size() == 1 ? options_.into
                                                                    : below(options_.into, mailbox.name);
}

// What a source uses for sent letters goes where the account has its own, whatever the name.
Result<void> Importer::find_roles() {
  json::object arguments;
  arguments["address"] = options_.address;
  auto mailboxes = admin_.call("mailbox.list", std::move(arguments), nullptr);
  if (!mailboxes) return std::unexpected(mailboxes.error());
  if (!mailboxes->is_array()) return fail(FaultKind::io, "mailbox.list: no list");
  for (const json::value& row : mailboxes->get_array()) {
    const auto* mailbox = row.if_object();
    const auto* name = mailbox == nullptr ? nullptr : mailbox->if_contains("name");
    const auto* role = mailbox == nullptr ? nullptr : mailbox->if_contains("role");
    if (name == nullptr || !name->is_string() || role == nullptr || !role->is_string())
      return fail(FaultKind::io, "mailbox.list: a row is not what was expected");
    roles_.emplace(std::string(role->get_string()), std::string(name->get_string()));
  }
  return {};
}

Result<void> Importer::make_mailbox(store::Role role) {
  if (options_.dry_run) return {};
  json::object arguments = place();
  arguments["role"] = static_cast<uint64_t>(role);
  arguments["subscribed"] = true;
  auto made = admin_.call("restore.mailbox", std::move(arguments), nullptr);
  if (!made) return std::unexpected(made.error());
  return {};
}

Result<void> Importer::note_present(const json::array& values) {
  const auto wrong = [] { return fail(FaultKind::io, "import.present: a row is not what was expected"); };
  json::error_code failed;
  const auto uid = values[0].to_number<store::Uid>(failed);
  if (failed) return wrong();
  Shape shape;
  shape.size = values[1].to_number<uint64_t>(failed);
  if (failed) return wrong();
  if (values[2].is_null()) return {};  // its bytes can't be read
  shape.checksum = values[2].to_number<uint64_t>(failed);
  if (failed) return wrong();
  present_.emplace(shape, uid);
  if (!options_.sync_flags) return {};
  store::FlagSet flags;
  flags.system = values[3].to_number<uint8_t>(failed);
  if (failed || !values[4].is_array()) return wrong();
  for (const json::value& keyword : values[4].get_array()) {
    if (!keyword.is_string()) return wrong();
    flags.keywords.emplace_back(keyword.get_string());
  }
  flags_.emplace(uid, std::move(flags));
  return {};
}

Result<void> Importer::find_present() {
  present_.clear();
  flags_.clear();
  for (uint64_t first = 1; first <= UINT32_MAX;) {
    json::object arguments = place();
    arguments["first"] = first;
    arguments["flags"] = options_.sync_flags;
    auto answer = admin_.call("import.present", std::move(arguments), nullptr);
    if (!answer && answer.error().kind == FaultKind::not_found) return {};
    if (!answer) return std::unexpected(answer.error());
    const auto* messages = answer->is_object() ? answer->get_object().if_contains("messages") : nullptr;
    if (messages == nullptr || !messages->is_array()) return fail(FaultKind::io, "import.present: no list");
    if (messages->get_array().empty()) return {};
    for (const json::value& row : messages->get_array()) {
      if (!row.is_array() || row.get_array().size() != (options_.sync_flags ? 5 : 3))
        return fail(FaultKind::io, "import.present: a row is not what was expected");
      if (auto noted = note_present(row.get_array()); !noted) return noted;
      json::error_code failed;
      first = row.get_array()[0].to_number<uint64_t>(failed) + 1;
    }
  }
  return {};
}

Result<bool> Importer::is_there(const Shape& shape, const store::FlagSet& flags) {
  const auto found = present_.lower_bound(shape);
  if (found == present_.end() || found->first != shape) return false;
  const store::Uid uid = found->second;
  present_.erase(found);
  ++now_.there;
  if (!options_.sync_flags || same(flags_[uid], flags)) return true;
  ++now_.flagged;
  if (options_.dry_run) return true;
  changes_.emplace_back(uid, flags);
  if (changes_.size() < kImportTogether) return true;
  auto sent = send_flags();
  if (!sent) return std::unexpected(sent.error());
  return true;
}

Result<void> Importer::send_flags() {
  if (changes_.empty()) return {};
  if (auto sent = finish_sending(); !sent) return sent;
  json::object arguments = place();
  json::array rows;
  for (const auto& [uid, flags] : changes_) {
    json::array row;
    row.emplace_back(uid);
    row.emplace_back(flags.system);
    row.push_back(json::array(flags.keywords.begin(), flags.keywords.end()));
    rows.push_back(std::move(row));
  }
  arguments["changes"] = std::move(rows);
  changes_.clear();
  auto done = admin_.call("import.flags", std::move(arguments), nullptr);
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<void> Importer::send(json::array letters, const control::LetterPieces& pieces, bool more) {
  json::object arguments = place();
  arguments["letters"] = std::move(letters);
  arguments["more"] = more;
  auto done = admin_.send("import.letters", std::move(arguments), pieces);
  if (!done && done.error().kind == FaultKind::closed)
    return fail(FaultKind::temporary, done.error().what + "; repeat the command, it goes on where it was");
  if (!done) return std::unexpected(done.error());
  return {};
}

// When more follow, the next ones are read while these are under way; but those that the source wants to know
// of (it may have to fetch them again) are told before.
Result<void> Importer::flush(bool more) {
  if (auto before = finish_sending(); !before || batch_.empty()) return before;
  under_way_ = std::exchange(sent_, {});
  sending_ = std::async(std::launch::async, [this, more, letters = std::exchange(batch_, json::array()),
                                             bytes = std::exchange(bytes_, {})]() mutable {
    const control::LetterPieces pieces = [&bytes, at = size_t{0}]() mutable -> Result<std::string> {
      std::string piece = bytes.substr(at, kFrame);
      at += piece.size();
      return piece;
    };
    return send(std::move(letters), pieces, more);
  });
  return more && under_way_.empty() ? Result<void>() : finish_sending();
}

Result<void> Importer::finish_sending() {
  if (!sending_.valid()) return {};
  auto done = sending_.get();
  if (done) settled_.insert(settled_.end(), under_way_.begin(), under_way_.end());
  under_way_.clear();
  tell_settled();
  return done;
}

void Importer::settle(const Letter& letter, const Shape& shape) {
  if (letter.id == 0) return;
  settled_.push_back({letter.id, shape.size, shape.checksum});
  if (settled_.size() >= kImportTogether) tell_settled();
}

void Importer::tell_settled() {
  if (!settled_.empty()) source_.settled(settled_);
  settled_.clear();
}

Result<void> Importer::take(Letter& letter) {
  auto bytes = letter.read(0, kImportBytes + 1);
  if (!bytes) {
    bad(letter.where, bytes.error());
    return {};
  }
  if (bytes->empty()) {
    bad(letter.where, Fault{FaultKind::corrupt, "it is empty"});
    return {};
  }
  ++now_.read;
  if (bytes->size() > kImportBytes) return take_large(letter);
  const Shape shape = shape_of(*bytes);
  auto there = is_there(shape, letter.flags);
  if (!there) return std::unexpected(there.error());
  if (*there) return settle(letter, shape), Result<void>();
  ++now_.moved;
  if (options_.dry_run) return {};
  // A full batch waits for the next letter, to know whether it is the last one.
  if (auto flushed = full() ? flush(true) : Result<void>(); !flushed) return flushed;
  if (letter.id != 0) sent_.push_back({letter.id, shape.size, shape.checksum});
  batch_.push_back(describe(letter, bytes->size()));
  bytes_ += *bytes;
  return {};
}

// Read twice: what it is must be known before it is sent.
Result<void> Importer::take_large(Letter& letter) {
  Shape shape;
  engine::BlobChecksum checksum;
  for (LetterReader reader(letter);;) {
    auto piece = reader.next();
    if (!piece) {
      --now_.read;
      bad(letter.where, piece.error());
      return {};
    }
    if (piece->empty()) break;
    checksum.feed(*piece);
    shape.size += piece->size();
  }
  shape.checksum = checksum.value();
  auto there = is_there(shape, letter.flags);
  if (!there) return std::unexpected(there.error());
  if (*there) return settle(letter, shape), Result<void>();
  ++now_.moved;
  if (options_.dry_run) return {};
  if (auto flushed = flush(); !flushed) return flushed;  // so that the order stays
  LetterReader reader(letter);
  json::array letters;
  letters.push_back(describe(letter, shape.size));
  auto done = send(std::move(letters), [&] { return reader.next(); }, false);
  if (done) settle(letter, shape);
  return done;
}

Reading Importer::reading() {
  Reading out;
  out.letter = [this](Letter& letter) { return take(letter); };
  out.bad = [this](const std::string& where, const Fault& fault) { bad(where, fault); };
  out.passed = [this](uint64_t more) {
    passed_ += more;
    if (options_.progress) options_.progress(passed_, source_.total());
  };
  out.known = [this](uint64_t size, uint64_t checksum, const store::FlagSet& flags) {
    auto there = is_there({size, checksum}, flags);
    if (!there && !failed_) failed_ = there.error();
    if (there && *there) ++now_.read;
    return there && *there;
  };
  out.sync_flags = options_.sync_flags;
  out.unread = [this](bool there) {
    ++now_.read;
    ++(there ? now_.there : now_.moved);
  };
  out.dry_run = options_.dry_run;
  return out;
}

Result<void> Importer::run(const SourceMailbox& mailbox) {
  now_ = MovedMailbox{mailbox.name, target(mailbox)};
  if (auto made = make_mailbox(options_.into.empty() ? mailbox.role : store::Role::none); !made) {
    const FaultKind kind = made.error().kind;
    if (kind != FaultKind::syntax && kind != FaultKind::exists && kind != FaultKind::policy) return made;
    bad(mailbox.path, made.error());
    return {};
  }
  if (auto found = find_present(); !found) {
    if (found.error().kind != FaultKind::syntax) return found;
    bad(mailbox.path, found.error());  // in a dry run: no such name can be
    return {};
  }
  auto done = source_.read(mailbox, reading());
  const auto sent = done ? flush() : finish_sending();
  if (done) done = sent;
  tell_settled();
  if (done && failed_) done = std::unexpected(*failed_);
  if (done) done = send_flags();
  out_.mailboxes.push_back(now_);
  return done;
}

Result<MoveOutcome> Importer::run() {
  if (auto found = find_roles(); !found) return std::unexpected(found.error());
  out_.left_out = source_.left_out();
  for (const std::string& strange : source_.strange()) {
    ++out_.skipped_count;
    out_.skipped.push_back(strange);
  }
  for (const SourceMailbox& mailbox : source_.mailboxes()) {
    if (auto done = run(mailbox); !done) return std::unexpected(done.error());
  }
  return std::move(out_);
}

}  // namespace

Result<MoveOutcome> import_letters(control::Admin& admin, Source& source, const ImportOptions& options) {
  return Importer(admin, source, options).run();
}

}  // namespace posthouse::app::moving
