// APPEND (RFC 3501 section 6.3.11, RFC 4315 section 3, RFC 3502): messages go from the stream into the store
// piece by piece, and are announced after they are on disk.
#include <memory>

#include "access/imap/commands.h"
#include "access/imap/limits.h"
#include "engine/blob.h"
#include "message/summary.h"
#include "wire/imap/sequence_set.h"

namespace posthouse::access::imap {

namespace {

// Why a message of `size` octets, of `total` in one command, can't be taken at all.
Task<std::optional<Reply>> objection(Session& s, std::string name, uint64_t size, uint64_t total) {
  Result<store::MailboxInfo> info = co_await s.store().mailbox(s.account, std::move(name));
  if (!info) {
    if (info.error().kind == FaultKind::not_found) co_return no("There is no such mailbox", "TRYCREATE");
    co_return refuse(info.error());
  }
  if (size == 0) co_return no("The message is empty", "CANNOT");
  const Result<store::Quota> quota = co_await s.quota();
  if (!quota) co_return refuse(quota.error());
  if (quota->bytes) {
    Result<store::Usage> usage = co_await s.store().usage(s.account);
    if (!usage) co_return refuse(usage.error());
    if (usage->bytes + total > *quota->bytes) co_return no("The quota is used up", "OVERQUOTA");
  }
  co_return std::nullopt;
}

// One message that has come in.
struct Arrived {
  std::unique_ptr<engine::BlobWriter> writer;
  store::NewMessage message;
};

// All messages of one APPEND, which come in one after another and go into the mailbox together (RFC 3502).
class Appending {
 public:
  Appending(Session& s, std::string mailbox) : s_(s), mailbox_(std::move(mailbox)) {}

  Task<Reply> run(wire::imap::Append first) {
    std::optional<wire::imap::Append> next = std::move(first);
    while (next) {
      std::optional<Reply> refusal = co_await refused(*next);
      if (refusal) {
        s_.commands.refuse_body();
        co_return std::move(*refusal);
      }
      co_await take(*next);
      wire::imap::Event event = co_await next_event(s_);
      next.reset();
      if (auto* further = std::get_if<wire::imap::NextBody>(&event)) next = std::move(further->message);
      if (const auto* rejected = std::get_if<wire::imap::Rejected>(&event)) co_return reject(*rejected);
    }
    if (failed_) co_return std::move(*failed_);
    Reply reply = co_await place();
    co_return reply;
  }

 private:
  // Why this message can't be taken; asked before the client sends it.
  Task<std::optional<Reply>> refused(const wire::imap::Append& message) {
    if (failed_) co_return std::move(failed_);
    total_ += message.size;
    held_ += std::min<uint64_t>(message.size, engine::kBlobChunk);
    if (arrived_.size() >= kAppendTogether || (held_ > kAppendMemory && !arrived_.empty()))
      co_return no("Too many messages at once", "LIMIT");
    std::string name = mailbox_;
    std::optional<Reply> refusal = co_await objection(s_, std::move(name), message.size, total_);
    co_return refusal;
  }

  // Takes all octets of the message, also those after a failure, so that the next command is found.
  Task<void> take(const wire::imap::Append& c) {
    s_.commands.accept_body();
    if (c.synchronizing) s_.out += "+ Send the message\r\n";
    Arrived arrived;
    arrived.writer = std::make_unique<engine::BlobWriter>(s_.services.engine, s_.services.ids.next());
    message::Summarizer summarizer;
    while (s_.commands.body_left() > 0) {
      s_.arm();
      co_await await_input(s_);
      std::string_view input = s_.input.peek();
      const std::string_view piece = s_.commands.take_body(input);
      if (!failed_) co_await write(c, piece, *arrived.writer, summarizer);
      s_.input.consume(piece.size());
    }
    store::NewMessage& message = arrived.message;
    message.summary = message::encode(summarizer.finish());
    message.internal_date = c.date ? SystemTime(std::chrono::seconds(*c.date)) : s_.services.clock.now();
    message.flags = to_store(c.flags);
    arrived_.push_back(std::move(arrived));
  }

  Task<void> write(const wire::imap::Append& c, std::string_view piece, engine::BlobWriter& writer,
                   message::Summarizer& summarizer) {
    // What has NULs could be fetched by BINARY alone (RFC 3516 section 4.4).
    if (c.binary && piece.find('\0') != std::string_view::npos) {
      failed_ = no("Binary content can't be kept here", "UNKNOWN-CTE");
      co_return;
    }
    summarizer.feed(piece);
    Result<void> written = co_await writer.append(piece);
    if (!written) failed_ = refuse(written.error());
  }

  static Reply reject(const wire::imap::Rejected& rejected) {
    if (rejected.fatal) throw SessionEnd{"Too much input", Fault{FaultKind::syntax, rejected.text}};
    Reply reply = bad(rejected.text);
    if (rejected.too_big) reply.code = "TOOBIG";
    return reply;
  }

  Task<Reply> place() {
    const Result<store::Quota> quota = co_await s_.quota();
    if (!quota) co_return refuse(quota.error());
    std::vector<store::MailStore::Arriving> messages;
    for (Arrived& one : arrived_) messages.push_back({one.writer.get(), std::move(one.message)});
    Result<std::vector<store::Placed>> placed =
        co_await s_.store().append_all(s_.account, mailbox_, std::move(messages), *quota);
    if (!placed) {
      if (placed.error().kind == FaultKind::not_found) co_return no("There is no such mailbox", "TRYCREATE");
      co_return refuse(placed.error());
    }
    std::vector<uint32_t> uids;
    for (const store::Placed& one : *placed) uids.push_back(one.uid);
    note_put(s_, placed->front().mailbox, uids);
    std::string code = "APPENDUID " + std::to_string(placed->front().uid_validity) + " ";
    wire::imap::append_sequence_set(code, uids);
    co_return ok("APPEND done", std::move(code));
  }

  Session& s_;
  std::string mailbox_;
  uint64_t total_ = 0;  // octets of all messages announced
  uint64_t held_ = 0;   // of them, in memory until all are there
  std::vector<Arrived> arrived_;
  std::optional<Reply> failed_;
};

}  // namespace

Task<Reply> cmd_append(Session& s, wire::imap::Append& c) {
  std::optional<std::string> name = mailbox_name(c.mailbox);
  if (!name) {
    s.commands.refuse_body();
    co_return no("There is no such mailbox", "TRYCREATE");
  }
  Appending appending(s, std::move(*name));
  Reply reply = co_await appending.run(std::move(c));
  co_return reply;
}

}  // namespace posthouse::access::imap
