// RETR and TOP (RFC 1939 sections 5 and 7).
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "access/pop3/limits.h"
#include "access/pop3/state.h"
#include "message/ascii_header.h"
#include "message/headers.h"
#include "wire/pop3/letter_writer.h"

namespace posthouse::access::pop3 {

namespace {

// What is asked for of a letter.
struct Wanted {
  store::Entry entry;
  std::optional<uint64_t> body_lines;
};

Task<Result<std::string>> read_piece(Session& s, const store::Entry& entry, uint64_t offset) {
  const uint64_t length = std::min<uint64_t>(entry.size - offset, kLetterPiece);
  Result<std::string> piece = co_await s.services.store.read(s.lease.account(), entry, offset, length);
  if (piece && piece->size() != length) {
    co_return fail(FaultKind::corrupt, "letter shorter than its entry says");
  }
  co_return piece;
}

// The letters from a UID on; nothing when there are none that are read ahead.
std::optional<Session::Coming> begin_reading(Session& s, store::Uid from) {
  std::vector<store::Entry> letters = s.drop.near(from, kReadAhead);
  if (letters.empty()) return std::nullopt;
  std::optional<store::MailStore::Reading> reading =
      s.services.store.begin_reading(s.lease.account(), letters, kReadAhead);
  if (!reading) return std::nullopt;
  return Session::Coming{std::move(letters), std::move(*reading)};
}

// As begun; of those in files, which are read in order and not ahead, now.
Task<Result<std::vector<std::string>>> take(Session& s, std::optional<Session::Coming> part,
                                            std::vector<store::Entry> letters) {
  if (part) co_return co_await part->reading.take();
  if (letters.size() < 2) co_return std::vector<std::string>();
  co_return co_await s.services.store.read_whole(s.lease.account(), std::move(letters), kReadAhead);
}

// The letter and some behind it, and begins with those that come then. One that can't be read is left out.
Task<void> read_together(Session& s, store::Uid first) {
  s.ahead.clear();
  std::optional<Session::Coming> part = std::exchange(s.coming, std::nullopt);
  if (!part || part->letters.front().uid != first) part = begin_reading(s, first);
  const std::vector<store::Entry> letters = part ? part->letters : s.drop.near(first, kReadAhead);
  if (part) s.coming = begin_reading(s, letters.back().uid + 1);
  Result<std::vector<std::string>> read = co_await take(s, std::move(part), letters);
  for (size_t i = 0; read && i < read->size(); ++i) {
    if ((*read)[i].size() == letters[i].size) s.ahead[letters[i].uid] = std::move((*read)[i]);
  }
}

// With it the next ones, if the client has said more already or goes on from letter to letter: it is at its
// whole maildrop.
Task<Result<std::string>> read_first(Session& s, const Wanted& wanted) {
  const store::Entry& entry = wanted.entry;
  if (entry.size == 0) co_return std::string();
  if (!s.ahead.contains(entry.uid) && !wanted.body_lines && s.goes_on()) co_await read_together(s, entry.uid);
  if (const auto known = s.ahead.extract(entry.uid); !known.empty()) co_return std::move(known.mapped());
  co_return co_await read_piece(s, entry, 0);
}

// Whether all pieces from the second on that will be sent can be read. Once "+OK" is out nothing can be
// refused any more, and a client that loses its connection at the same letter every time gets none that come
// after it; so what is long is read twice.
Task<Result<void>> check_rest(Session& s, const Wanted& wanted, const std::string& first) {
  wire::pop3::LetterWriter writer(wanted.body_lines);
  std::string nowhere;
  bool more = writer.feed(first, nowhere);
  for (uint64_t at = kLetterPiece; more && at < wanted.entry.size; at += kLetterPiece) {
    Result<std::string> piece = co_await read_piece(s, wanted.entry, at);
    if (!piece) co_return std::unexpected(piece.error());
    nowhere.clear();
    if (wanted.body_lines) more = writer.feed(*piece, nowhere);
    // Else the client would wait in silence for as long as it takes; the deadline is for that.
  }
  co_return Result<void>();
}

Task<void> send(Session& s, const Wanted& wanted, std::string first) {
  wire::pop3::LetterWriter writer(wanted.body_lines);
  bool more = writer.feed(first, s.out);
  std::string().swap(first);
  for (uint64_t at = kLetterPiece; more && at < wanted.entry.size; at += kLetterPiece) {
    co_await s.flush_if_much();
    Result<std::string> piece = co_await read_piece(s, wanted.entry, at);
    if (!piece) throw SessionEnd{"", piece.error()};
    more = writer.feed(*piece, s.out);
  }
  writer.finish(s.out);
}

// RFC 6856 section 2.1: without UTF8 no header leaves as it is that has more than ASCII in it; it becomes one
// that says the same. `first`: the first piece of the letter, which holds all of its header in any letter
// that somebody may want to read; false for another one.
bool make_ascii(std::string& first, bool is_whole) {
  const std::string_view header = std::string_view(first).substr(0, message::header_size(first));
  if (!message::has_8bit(header)) return true;
  if (header.size() == first.size() && !is_whole) return false;
  std::string surrogate = message::ascii_header(header);
  surrogate += std::string_view(first).substr(header.size());
  first = std::move(surrogate);
  return true;
}

Task<Result<void>> retrieve(Session& s, const Wanted& wanted) {
  Result<std::string> read = co_await read_first(s, wanted);
  if (!read) co_return std::unexpected(read.error());
  std::string first = std::move(*read);
  const uint64_t rest = wanted.entry.size - first.size();
  if (!s.utf8 && !make_ascii(first, rest == 0)) {
    s.error("[UTF8] The header needs UTF8");
    co_return Result<void>();
  }
  if (rest > 0) {
    Result<void> readable = co_await check_rest(s, wanted, first);
    if (!readable) co_return readable;
  }
  s.ok(wanted.body_lines ? "Top follows" : fmt::format("{} octets", first.size() + rest));
  co_await send(s, wanted, std::move(first));
  if (!wanted.body_lines) ++s.retrieved;
  co_return Result<void>();
}

}  // namespace

Task<void> cmd_retr(Session& s, const wire::pop3::Command& c) {
  const uint32_t number = *c.message;
  if (!is_there(s, number)) co_return;
  Result<store::Entry> entry = co_await s.drop.find(number, s.goes_on() ? kEntriesInARow : kEntriesNear);
  Result<void> done;
  if (entry) {
    Wanted wanted{std::move(*entry), {}};
    if (c.verb == wire::pop3::Verb::top) wanted.body_lines = c.lines;
    done = co_await retrieve(s, wanted);
    if (done) {
      s.in_a_row = number == s.last_retrieved + 1 ? s.in_a_row + 1 : 0;
      s.last_retrieved = number;
      co_return;
    }
    // It went since its entry was read, or its bytes are lost.
    entry = co_await s.drop.find_again(number);
    if (entry) co_return s.refuse(done.error());
  }
  if (entry.error().kind == FaultKind::not_found) co_return s.error("No such message any more");
  s.refuse(entry.error());
}

}  // namespace posthouse::access::pop3
