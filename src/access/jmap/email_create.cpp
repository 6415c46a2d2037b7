#include "access/jmap/email_create.h"

#include "access/jmap/email_compose.h"
#include "access/jmap/email_patch.h"
#include "access/jmap/letter_writer.h"
#include "access/jmap/limits.h"
#include "access/jmap/opened_blob.h"
#include "access/jmap/utc_date.h"
#include "message/transfer.h"

namespace posthouse::access::jmap {
namespace {

using Blobs = std::map<std::string, std::unique_ptr<OpenedBlob>>;

// The SetError that names the blobs that are not there.
json::object blob_not_found(const std::set<std::string>& names) {
  json::object error = set_error("blobNotFound");
  json::array& list = error["notFound"].emplace_array();
  for (const std::string& name : names) list.emplace_back(name);
  return error;
}

// Opens all that the pieces are made of. The names of those that are not there, or the fault of the store.
Task<Result<std::set<std::string>>> open_blobs(const Call& call, const std::vector<MessagePiece>& pieces,
                                               Blobs& blobs) {
  std::set<std::string> missing;
  for (const MessagePiece& piece : pieces) {
    if (!piece.blob || blobs.contains(piece.blob_name)) continue;
    Result<std::unique_ptr<OpenedBlob>> opened =
        co_await OpenedBlob::open(call.services, call.caller.account, *piece.blob);
    if (!opened && opened.error().kind != FaultKind::not_found) co_return std::unexpected(opened.error());
    if (!opened) missing.insert(piece.blob_name);
    if (opened) blobs.emplace(piece.blob_name, std::move(*opened));
  }
  co_return missing;
}

Task<Result<void>> write_blob(LetterWriter& writer, const OpenedBlob& blob, bool base64) {
  PartReader reader = blob.reader();
  std::string waiting;  // less than a line of base64
  while (!reader.done()) {
    Result<std::string> piece = co_await reader.next();
    if (!piece) co_return std::unexpected(piece.error());
    waiting += *piece;
    const size_t whole =
        base64 && !reader.done() ? waiting.size() / kBase64Line * kBase64Line : waiting.size();
    std::string out;
    if (base64) message::append_base64_lines(out, std::string_view(waiting).substr(0, whole));
    if (!base64) out = waiting.substr(0, whole);
    waiting.erase(0, whole);
    Result<void> written = co_await writer.write(std::move(out));
    if (!written) co_return written;
  }
  co_return Result<void>();
}

Task<Result<void>> write_pieces(LetterWriter& writer, std::vector<MessagePiece> pieces, const Blobs& blobs) {
  for (MessagePiece& piece : pieces) {
    Result<void> written;
    if (piece.blob) written = co_await write_blob(writer, *blobs.at(piece.blob_name), piece.base64);
    if (!piece.blob) written = co_await writer.write(std::move(piece.octets));
    if (!written) co_return written;
  }
  co_return Result<void>();
}

json::object why_not_written(const Fault& fault, const LetterWriter& writer) {
  const bool large = fault.kind == FaultKind::over_quota && writer.size() + kBlobPiece * 2 > kMaxEmailSize;
  return large ? set_error("tooLarge") : set_error_of(fault);
}

}  // namespace

std::expected<Placement, json::object> read_placement(const Call& call, const MailboxTree& tree,
                                                      const json::object& email) {
  Placement out;
  WrongProperties wrong;
  const json::value* mailboxes = email.if_contains("mailboxIds");
  const auto where = mailboxes == nullptr ? std::nullopt : read_mailboxes_object(call, tree, *mailboxes);
  if (!where || where->empty()) wrong.add("mailboxIds", "are not mailboxes, one at least, each true");
  if (where) out.mailboxes = *where;
  std::set<std::string> keywords;
  const json::value* given = email.if_contains("keywords");
  if (given != nullptr && !given->is_null()) {
    const auto read = read_keywords_object(*given);
    if (!read) wrong.add("keywords", "are not keywords, each true");
    if (read) keywords = *read;
  }
  out.flags = flags_of({keywords.begin(), keywords.end()}).value_or(store::FlagSet());
  out.received = call.services.clock.now();
  const json::value* received = email.if_contains("receivedAt");
  if (received != nullptr && !received->is_null()) {
    const auto date = received->is_string() ? parse_utc_date(received->get_string()) : std::nullopt;
    if (!date) wrong.add("receivedAt", "is no UTCDate");
    if (date) out.received = *date;
  }
  if (wrong.any()) return std::unexpected(wrong.error());
  if (keywords.size() > kMaxEmailKeywords) return std::unexpected(set_error("tooManyKeywords"));
  return out;
}

Task<Result<json::object>> tell_created(const Call& call, uint64_t email) {
  Result<catalog::Position> now = co_await call.services.catalog.refresh(call.caller.account);
  if (!now) co_return std::unexpected(now.error());
  std::vector<catalog::EmailId> wanted{email};
  Result<std::vector<Letter>> letters =
      co_await read_letters(call.services, call.caller.account, std::move(wanted), false);
  if (!letters) co_return std::unexpected(letters.error());
  if (letters->empty()) co_return fail(FaultKind::not_found, "the letter went at once");
  json::object out;
  out["id"] = format_email_id(email);
  out["blobId"] = format_blob_id({BlobId::Kind::letter, email, ""});
  out["threadId"] = format_thread_id(letters->front().thread);
  out["size"] = letters->front().entry().size;
  co_return out;
}

Task<void> create_email(Call& call, const MailboxTree& tree, const std::string& name,
                        const json::object& email, SetResponse& response) {
  auto placement = read_placement(call, tree, email);
  if (!placement) {
    response.not_created(name, std::move(placement.error()));
    co_return;
  }
  const std::string domain = call.caller.address.substr(call.caller.address.rfind('@') + 1);
  auto pieces = compose(email, {call.services.clock.now(), domain, system_random()});
  if (!pieces) {
    response.not_created(name, std::move(pieces.error()));
    co_return;
  }
  Blobs blobs;
  Result<std::set<std::string>> missing = co_await open_blobs(call, *pieces, blobs);
  if (!missing || !missing->empty()) {
    response.not_created(name, missing ? blob_not_found(*missing) : set_error_of(missing.error()));
    co_return;
  }
  LetterWriter writer(call.services);
  Result<void> written = co_await write_pieces(writer, std::move(*pieces), blobs);
  if (!written) {
    response.not_created(name, why_not_written(written.error(), writer));
    co_return;
  }
  Result<catalog::EmailId> made =
      co_await writer.place(call.caller.account, tree, std::move(placement->mailboxes),
                            std::move(placement->flags), placement->received);
  Result<json::object> told = fail(FaultKind::io, "");
  if (made) told = co_await tell_created(call, *made);
  if (made && told) response.created(call, name, std::move(*told));
  if (!made || !told) response.not_created(name, set_error_of(made ? told.error() : made.error()));
}

}  // namespace posthouse::access::jmap
