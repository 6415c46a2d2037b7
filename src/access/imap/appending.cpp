#include "access/imap/appending.h"

#include <algorithm>

#include "access/imap/commands.h"
#include "access/imap/limits.h"
#include "access/imap/message_limit.h"
#include "access/imap/utf8_wrap.h"
#include "base/ascii.h"
#include "wire/imap/sequence_set.h"

namespace posthouse::access::imap {

namespace {

using wire::imap::AppendPart;

Reply no_mailbox() {
  return no_such_mailbox("TRYCREATE");
}

// RFC 4469 section 4.1. A URL that may not stand in a response code has none.
Reply bad_url(const std::string& url) {
  const bool plain = !url.empty() && std::all_of(url.begin(), url.end(), [](char c) {
    return !is_8bit(c) && c != '\0' && c != '\r' && c != '\n' && c != ']' && c != '\\';
  });
  return no("There is nothing at this URL", plain ? "BADURL " + url : "BADURL \"\"");
}

Reply reject(const wire::imap::Rejected& rejected) {
  if (rejected.fatal) throw SessionEnd{"Too much input", Fault{FaultKind::syntax, rejected.text}};
  Reply reply = bad(rejected.text);
  if (rejected.too_big) reply.code = "TOOBIG";
  return reply;
}

}  // namespace

Task<std::optional<Reply>> Appending::receive(wire::imap::AppendParts parts) {
  while (true) {
    std::optional<Reply> refusal = co_await take_parts(std::move(parts));
    if (refusal || !s_.commands.accepts_body()) co_return refusal;
    wire::imap::Event event = co_await next_event(s_);
    while (std::holds_alternative<wire::imap::NeedContinuation>(event)) {
      s_.out += "+ OK\r\n";
      event = co_await next_event(s_);
    }
    if (const auto* rejected = std::get_if<wire::imap::Rejected>(&event)) co_return reject(*rejected);
    if (auto* next = std::get_if<wire::imap::NextBody>(&event)) {
      parts = std::move(next->parts);
      continue;
    }
    parts = std::move(std::get<wire::imap::BodyEnd>(event).parts);
    co_return co_await take_parts(std::move(parts));
  }
}

// A refusal of a literal that is still to come ends the command; other failures show at its end.
Task<std::optional<Reply>> Appending::take_parts(wire::imap::AppendParts parts) {
  for (AppendPart& part : parts) {
    switch (part.kind) {
      case AppendPart::message:
        begin(part);
        break;
      case AppendPart::url:
        if (!failed_) co_await copy(std::move(part.text));
        break;
      case AppendPart::literal: {
        std::optional<Reply> refusal = co_await take_literal(part);
        co_return refusal;
      }
      case AppendPart::end:
        co_await end();
        break;
    }
  }
  co_return std::move(failed_);
}

void Appending::begin(const AppendPart& part) {
  catenate_ = part.catenate;
  current_ = Arrived();
  current_.writer = std::make_unique<engine::BlobWriter>(s_.services.engine, s_.services.ids.next());
  current_.message.internal_date =
      part.date ? SystemTime(std::chrono::seconds(*part.date)) : s_.services.clock.now();
  current_.message.flags = to_store(part.flags);
  summarizer_.emplace();
  // RFC 9738 section 3.1: all or none are appended
  const uint32_t most = save_limit(s_);
  if (most != 0 && arrived_.size() >= most && !failed_) failed_ = over_limit(most);
  if (arrived_.size() >= kAppendTogether && !failed_) failed_ = no("Too many messages at once", "LIMIT");
}

// Why `size` octets more can't be taken.
Task<std::optional<Reply>> Appending::objection(uint64_t size) {
  const uint64_t before = current_.writer->size();
  total_ += size;
  held_ +=
      std::min<uint64_t>(before + size, engine::kBlobChunk) - std::min<uint64_t>(before, engine::kBlobChunk);
  if (held_ > kAppendMemory && !arrived_.empty()) co_return no("Too many messages at once", "LIMIT");
  if (size > s_.options->append_limit - std::min(before, s_.options->append_limit))
    co_return no("Message too big", "TOOBIG");
  Reached reached = co_await reach(s_, name_, {store::kMayInsert}, "TRYCREATE");
  if (reached.refusal) co_return std::move(reached.refusal);
  target_ = std::move(reached.mailbox);
  if (size == 0 && !catenate_) co_return no("The message is empty", "CANNOT");
  const Result<store::Quota> quota = co_await s_.quota(target_->account);
  if (!quota) co_return refuse(quota.error());
  if (quota->bytes) {
    Result<store::Usage> usage = co_await s_.store().usage(target_->account);
    if (!usage) co_return refuse(usage.error());
    const uint64_t freed = freed_of_ == target_->account ? freed_ : 0;
    if (usage->bytes - std::min(freed, usage->bytes) + total_ > *quota->bytes)
      co_return no("The quota is used up", "OVERQUOTA");
  }
  co_return std::nullopt;
}

Task<std::optional<Reply>> Appending::take_literal(const AppendPart& part) {
  std::optional<Reply> refusal = std::move(failed_);
  if (!refusal) refusal = co_await objection(part.size);
  if (refusal) {
    s_.commands.refuse_body();
    co_return refusal;
  }
  failed_.reset();
  s_.commands.accept_body();
  if (part.synchronizing) s_.out += "+ Send the message\r\n";
  Utf8Wrap wrap(s_.utf8_accept && !part.binary && !catenate_, part.size);
  while (s_.commands.body_left() > 0) {
    s_.arm();
    co_await await_input(s_);
    std::string_view input = s_.input.peek();
    const std::string_view piece = s_.commands.take_body(input);
    const auto octets = wrap.take(piece);
    if (!failed_ && !octets[0].empty()) co_await write(octets[0], part.binary);
    if (!failed_ && !octets[1].empty()) co_await write(octets[1], part.binary);
    s_.input.consume(piece.size());
  }
  if (wrap.broken() && !failed_) failed_ = bad("UTF8 needs a literal8");
  co_return std::nullopt;
}

Task<void> Appending::write(std::string_view piece, bool binary) {
  // What has NULs could be fetched by BINARY alone (RFC 3516 section 4.4).
  if (binary && piece.find('\0') != std::string_view::npos) {
    failed_ = no("Binary content can't be kept here", "UNKNOWN-CTE");
    co_return;
  }
  summarizer_->feed(piece);
  Result<void> written = co_await current_.writer->append(piece);
  if (!written) failed_ = refuse(written.error());
}

Task<void> Appending::copy(std::string url) {
  Result<UrlOctets> octets = co_await find_url(s_, url);
  if (!octets) {
    failed_ = octets.error().kind == FaultKind::not_found ? bad_url(url) : refuse(octets.error());
    co_return;
  }
  failed_ = co_await objection(octets->size());
  // A short command must not fill the disk.
  copied_ += octets->size();
  if (!failed_ && copied_ > s_.options->append_limit) failed_ = no("Too much from URLs at once", "LIMIT");
  if (!failed_) co_await copy_octets(*octets);
  // Others may take it away meanwhile.
  if (failed_ && failed_->code == "NONEXISTENT") failed_ = bad_url(url);
}

Task<void> Appending::copy_octets(const UrlOctets& octets) {
  if (octets.fields) co_return co_await write(*octets.fields, false);
  uint64_t at = octets.extent.offset;
  const uint64_t end = at + octets.extent.length;
  while (at < end && !failed_) {
    const uint64_t want = std::min<uint64_t>(end - at, kBodyPiece);
    Result<std::string> piece = co_await s_.store().read(octets.account, octets.entry, at, want);
    if (piece && piece->size() != want)
      piece = fail(FaultKind::corrupt, "message shorter than its entry says");
    if (!piece) {
      failed_ = refuse(piece.error());
      co_return;
    }
    co_await write(*piece, false);
    at += want;
  }
}

Task<void> Appending::end() {
  if (failed_) co_return;
  if (current_.writer->size() == 0) {
    failed_ = no("The message is empty", "CANNOT");
    co_return;
  }
  current_.message.flags = masked(std::move(current_.message.flags), mask_of(target_->rights));
  current_.message.summary = message::encode(summarizer_->finish());
  arrived_.push_back(std::move(current_));
  current_ = Arrived();
}

std::string append_uid(const std::vector<store::Placed>& placed) {
  std::vector<uint32_t> uids;
  for (const store::Placed& one : placed) uids.push_back(one.uid);
  std::string code = "APPENDUID " + std::to_string(placed.front().uid_validity) + " ";
  wire::imap::append_sequence_set(code, uids);
  return code;
}

Reply refuse_placing(const Fault& fault) {
  return fault.kind == FaultKind::not_found ? no_mailbox() : refuse(fault);
}

}  // namespace posthouse::access::imap
