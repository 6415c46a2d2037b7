// APPEND (RFC 3501 section 6.3.11, RFC 4315 section 3): the message goes from the stream into the store piece
// by piece, and is announced after it is on disk.
#include "access/imap/commands.h"
#include "access/imap/limits.h"
#include "engine/blob.h"
#include "message/summary.h"

namespace posthouse::access::imap {

namespace {

// Why this message can't be taken at all; asked before the client sends it.
Task<std::optional<Reply>> objection(Session& s, std::optional<std::string> name, uint64_t size) {
  if (!name) co_return no("There is no such mailbox", "TRYCREATE");
  Result<store::MailboxInfo> info = co_await s.store().mailbox(s.account, std::move(*name));
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
    if (usage->bytes + size > *quota->bytes) co_return no("The quota is used up", "OVERQUOTA");
  }
  co_return std::nullopt;
}

// Takes all octets of the message, also those after a failure, so that the next command is found.
Task<Result<void>> receive(Session& s, engine::BlobWriter& writer, message::Summarizer& summarizer) {
  Result<void> state;
  while (s.commands.body_left() > 0) {
    s.arm();
    co_await await_input(s);
    std::string_view input = s.input.peek();
    const std::string_view piece = s.commands.take_body(input);
    if (state) {
      summarizer.feed(piece);
      state = co_await writer.append(piece);
    }
    s.input.consume(piece.size());
  }
  co_return state;
}

Task<Reply> append(Session& s, wire::imap::Append& c, std::string mailbox) {
  s.commands.accept_body();
  if (c.synchronizing) s.out += "+ Send the message\r\n";
  engine::BlobWriter writer(s.services.engine, s.services.ids.next());
  message::Summarizer summarizer;
  Result<void> received = co_await receive(s, writer, summarizer);
  const wire::imap::Event end = co_await next_event(s);
  if (const auto* rejected = std::get_if<wire::imap::Rejected>(&end)) {
    if (rejected->fatal) throw SessionEnd{"Too much input", Fault{FaultKind::syntax, rejected->text}};
    co_return bad(rejected->text);
  }
  if (!received) co_return refuse(received.error());
  const Result<store::Quota> quota = co_await s.quota();
  if (!quota) co_return refuse(quota.error());
  store::NewMessage message;
  message.blob = writer.id();
  message.size = writer.size();
  message.summary = message::encode(summarizer.finish());
  message.internal_date = c.date ? SystemTime(std::chrono::seconds(*c.date)) : s.services.clock.now();
  message.flags = to_store(c.flags);
  Result<store::Placed> placed =
      co_await s.store().append(s.account, std::move(mailbox), writer, std::move(message), *quota);
  if (!placed) {
    if (placed.error().kind == FaultKind::not_found) co_return no("There is no such mailbox", "TRYCREATE");
    co_return refuse(placed.error());
  }
  co_return ok("APPEND done",
               "APPENDUID " + std::to_string(placed->uid_validity) + " " + std::to_string(placed->uid));
}

}  // namespace

Task<Reply> cmd_append(Session& s, wire::imap::Append& c) {
  std::optional<std::string> name = mailbox_name(c.mailbox);
  std::optional<Reply> refusal = co_await objection(s, name, c.size);
  if (refusal) {
    s.commands.refuse_body();
    co_return std::move(*refusal);
  }
  Reply reply = co_await append(s, c, std::move(*name));
  co_return reply;
}

}  // namespace posthouse::access::imap
