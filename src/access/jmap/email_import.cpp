// Email/import (RFC 8621 section 4.8).
#include "access/jmap/email_create.h"
#include "access/jmap/letter_writer.h"
#include "access/jmap/limits.h"
#include "access/jmap/methods.h"
#include "access/jmap/opened_blob.h"
#include "access/jmap/states.h"

namespace posthouse::access::jmap {
namespace {

Task<Result<void>> write_all(LetterWriter& writer, const OpenedBlob& blob) {
  PartReader reader = blob.reader();
  while (!reader.done()) {
    Result<std::string> piece = co_await reader.next();
    if (!piece) co_return std::unexpected(piece.error());
    Result<void> written = co_await writer.write(std::move(*piece));
    if (!written) co_return written;
  }
  co_return Result<void>();
}

// What is wrong with it, or the object that was made.
Task<std::expected<json::object, json::object>> import_one(Call& call, const MailboxTree& tree,
                                                           const json::object& email) {
  auto placement = read_placement(call, tree, email);
  if (!placement) co_return std::unexpected(std::move(placement.error()));
  const json::value* named = email.if_contains("blobId");
  const auto id = named != nullptr && named->is_string() ? parse_blob_id(named->get_string()) : std::nullopt;
  Result<std::unique_ptr<OpenedBlob>> blob = fail(FaultKind::not_found, "there is no such blob");
  if (id) blob = co_await OpenedBlob::open(call.services, call.caller.account, *id);
  if (!blob && blob.error().kind == FaultKind::not_found) {
    WrongProperties wrong;
    wrong.add("blobId", "is no blob");
    co_return std::unexpected(wrong.error());
  }
  if (!blob) co_return std::unexpected(set_error_of(blob.error()));
  if ((*blob)->size() == 0u) co_return std::unexpected(set_error("invalidEmail", "it is empty"));
  LetterWriter writer(call.services);
  const Result<void> written = co_await write_all(writer, **blob);
  if (!written) co_return std::unexpected(set_error_of(written.error()));
  Result<catalog::EmailId> made =
      co_await writer.place(call.caller.account, tree, std::move(placement->mailboxes),
                            std::move(placement->flags), placement->received);
  if (!made) co_return std::unexpected(set_error_of(made.error()));
  Result<json::object> told = co_await tell_created(call, *made);
  if (!told) co_return std::unexpected(set_error_of(told.error()));
  co_return std::move(*told);
}

}  // namespace

Task<Outcome> email_import(Call& call) {
  Arguments arguments(call.arguments);
  if (auto wrong = wrong_account(arguments, call)) co_return std::unexpected(std::move(*wrong));
  const std::optional<std::string> if_in_state = arguments.string("ifInState");
  const json::object& emails = arguments.required_object("emails");
  if (auto fault = arguments.fault()) co_return std::unexpected(std::move(*fault));
  if (emails.size() > kMaxObjectsInSet) co_return refusal("requestTooLarge");
  Result<catalog::Position> old = co_await call.services.catalog.refresh(call.caller.account);
  if (!old) co_return std::unexpected(call_error(old.error()));
  if (if_in_state && *if_in_state != format_state(*old)) co_return refusal("stateMismatch");
  Result<MailboxTree> tree = co_await read_tree(call.services, call.caller.account);
  if (!tree) co_return std::unexpected(call_error(tree.error()));
  SetResponse response;
  for (const auto& one : emails) {
    const std::string name(one.key());
    const json::object* email = one.value().if_object();
    if (email == nullptr)
      co_return refusal("invalidArguments", "\"emails\" has something in it that is no object");
    auto made = co_await import_one(call, *tree, *email);
    if (made) response.created(call, name, std::move(*made));
    if (!made) response.not_created(name, std::move(made.error()));
  }
  Result<catalog::Position> now = co_await call.services.catalog.refresh(call.caller.account);
  if (!now) co_return std::unexpected(call_error(now.error()));
  json::object out = response.finish(call, format_state(*old), format_state(*now));
  for (const char* name : {"updated", "destroyed", "notUpdated", "notDestroyed"}) out.erase(name);
  co_return out;
}

}  // namespace posthouse::access::jmap
