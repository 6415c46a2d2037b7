// Email/set (RFC 8621 section 4.6).
#include <algorithm>

#include "access/jmap/email_changes_made.h"
#include "access/jmap/email_create.h"
#include "access/jmap/methods.h"
#include "access/jmap/states.h"

namespace posthouse::access::jmap {
namespace {

// The letters that are named, by their ids as text.
struct Named {
  std::map<std::string, Letter> letters;
};

std::optional<uint64_t> email_of(const Call& call, const std::string& text) {
  const std::optional<std::string> id = created_id(call, text);
  return id ? parse_email_id(*id) : std::nullopt;
}

Task<Result<std::map<catalog::EmailId, Letter>>> find_letters(Call& call, const SetRequest& request) {
  std::set<catalog::EmailId> ids;
  for (const auto& [id, patch] : request.update) {
    if (const auto email = email_of(call, id)) ids.insert(*email);
  }
  for (const std::string& id : request.destroy) {
    if (const auto email = email_of(call, id)) ids.insert(*email);
  }
  std::vector<catalog::EmailId> wanted(ids.begin(), ids.end());
  Result<std::vector<Letter>> found =
      co_await read_letters(call.services, call.caller.account, std::move(wanted), false);
  if (!found) co_return std::unexpected(found.error());
  std::map<catalog::EmailId, Letter> letters;
  for (Letter& letter : *found) letters.emplace(letter.id, std::move(letter));
  co_return letters;
}

Task<Result<void>> update_all(Call& call, const MailboxTree& tree, const SetRequest& request,
                              SetResponse& response) {
  Result<std::map<catalog::EmailId, Letter>> letters = co_await find_letters(call, request);
  if (!letters) co_return std::unexpected(letters.error());
  std::vector<EmailChange> changes;
  std::vector<std::string> names;
  for (const auto& [id, patch] : request.update) {
    const std::optional<uint64_t> email = email_of(call, id);
    const auto letter = email ? letters->find(*email) : letters->end();
    if (letter == letters->end()) {
      response.not_updated(id, set_error("notFound"));
    } else if (std::ranges::find(request.destroy, id) != request.destroy.end()) {
      response.not_updated(id, set_error("willDestroy"));
    } else if (auto read = read_patch(call, tree, letter->second, *patch); read) {
      changes.push_back({letter->second, std::move(*read)});
      names.push_back(id);
    } else {
      response.not_updated(id, std::move(read.error()));
    }
  }
  const size_t updates = changes.size();
  for (const std::string& id : request.destroy) {
    const std::optional<uint64_t> email = email_of(call, id);
    const auto letter = email ? letters->find(*email) : letters->end();
    if (letter == letters->end()) {
      response.not_destroyed(id, set_error("notFound"));
      continue;
    }
    changes.push_back({letter->second, {}, true});
    names.push_back(id);
    letters->erase(letter);  // named twice it is not found
  }
  co_await carry_out(call.services, call.caller.account, tree, changes);
  for (size_t at = 0; at < changes.size(); ++at) {
    const std::optional<Fault>& fault = changes[at].fault;
    const std::string id = format_email_id(changes[at].letter.id);
    if (at < updates && !fault) response.updated(id);
    if (at < updates && fault) response.not_updated(names[at], set_error_of(*fault));
    if (at >= updates && !fault) response.destroyed(id);
    if (at >= updates && fault) response.not_destroyed(names[at], set_error_of(*fault));
  }
  co_return Result<void>();
}

}  // namespace

Task<Outcome> email_set(Call& call) {
  Arguments arguments(call.arguments);
  if (auto wrong = wrong_account(arguments, call)) co_return std::unexpected(std::move(*wrong));
  const auto request = take_set(arguments);
  if (!request) co_return std::unexpected(request.error());
  if (auto fault = arguments.fault()) co_return std::unexpected(std::move(*fault));
  Result<catalog::Position> old = co_await call.services.catalog.refresh(call.caller.account);
  if (!old) co_return std::unexpected(call_error(old.error()));
  if (request->if_in_state && *request->if_in_state != format_state(*old)) co_return refusal("stateMismatch");
  Result<MailboxTree> tree = co_await read_tree(call.services, call.caller.account);
  if (!tree) co_return std::unexpected(call_error(tree.error()));
  SetResponse response;
  for (const auto& [name, object] : request->create)
    co_await create_email(call, *tree, name, *object, response);
  // What was made just now may be changed by the same call.
  if (!request->create.empty()) {
    const Result<catalog::Position> again = co_await call.services.catalog.refresh(call.caller.account);
    if (!again) co_return std::unexpected(call_error(again.error()));
  }
  const Result<void> updated = co_await update_all(call, *tree, *request, response);
  if (!updated) co_return std::unexpected(call_error(updated.error()));
  const Result<catalog::Position> now = co_await call.services.catalog.refresh(call.caller.account);
  if (!now) co_return std::unexpected(call_error(now.error()));
  co_return response.finish(call, format_state(*old), format_state(*now));
}

}  // namespace posthouse::access::jmap
