// Email/parse (RFC 8621 section 4.9).
#include <set>

#include "access/jmap/email_object.h"
#include "access/jmap/limits.h"
#include "access/jmap/methods.h"
#include "access/jmap/opened_blob.h"
#include "access/jmap/standard.h"
#include "message/headers.h"

namespace posthouse::access::jmap {
namespace {

// What only letters of the store have is null.
void add_nothing(json::object& out, const EmailPlan& plan, const std::string& blob_id, uint64_t size) {
  for (const char* name : {"id", "mailboxIds", "keywords", "receivedAt", "threadId"}) {
    if (plan.wants(name)) out[name] = nullptr;
  }
  if (plan.wants("blobId")) out["blobId"] = blob_id;
  if (plan.wants("size")) out["size"] = size;
}

// `syntax`: it is no message, which has one field at least.
Task<Result<json::object>> parse_one(const Call& call, const EmailPlan& plan, std::string blob_id,
                                     TextBudget& budget) {
  const std::optional<BlobId> id = parse_blob_id(blob_id);
  if (!id) co_return fail(FaultKind::not_found, "there is no such blob");
  Result<std::unique_ptr<OpenedBlob>> blob =
      co_await OpenedBlob::open(call.services, call.caller.account, *id);
  if (!blob) co_return std::unexpected(blob.error());
  Result<LetterSource> source = co_await (*blob)->source(kMaxParsedBlob);
  if (!source) co_return fail(FaultKind::syntax, source.error().what);
  Result<message::Summary> summary = co_await summarize(*source);
  if (!summary) co_return std::unexpected(summary.error());
  const uint64_t length = std::min<uint64_t>(summary->root.body_begin, kMaxHeader);
  Result<std::string> header = co_await source->read(0, length);
  if (!header) co_return std::unexpected(header.error());
  message::HeaderField field;
  if (!message::HeaderReader(*header).next(field)) co_return fail(FaultKind::syntax, "it has no header");
  const PartNames names{{id->kind, id->id, ""}, id->section.empty() ? "" : id->section + "."};
  json::object out;
  add_nothing(out, plan, blob_id, source->size());
  Result<void> added = co_await add_content(out, plan, *source, *summary, names, budget);
  if (!added) co_return std::unexpected(added.error());
  co_return out;
}

json::value or_null(json::array list) {
  if (list.empty()) return nullptr;
  return list;
}

}  // namespace

Task<Outcome> email_parse(Call& call) {
  Arguments arguments(call.arguments);
  if (auto wrong = wrong_account(arguments, call)) co_return std::unexpected(std::move(*wrong));
  const std::vector<std::string> blob_ids = arguments.required_strings("blobIds");
  const EmailPlan plan = take_email_plan(arguments, false);
  if (auto fault = arguments.fault()) co_return std::unexpected(std::move(*fault));
  if (blob_ids.size() > kMaxParsed) co_return refusal("requestTooLarge");
  TextBudget budget{kMaxBodyValues};
  json::object parsed;
  json::array not_parsable, not_found;
  const std::set<std::string> each(blob_ids.begin(), blob_ids.end());
  for (const std::string& id : each) {
    Result<json::object> one = co_await parse_one(call, plan, id, budget);
    if (one) {
      parsed[id] = std::move(*one);
    } else if (one.error().kind == FaultKind::not_found) {
      not_found.emplace_back(id);
    } else if (one.error().kind == FaultKind::syntax) {
      not_parsable.emplace_back(id);
    } else if (one.error().kind == FaultKind::over_quota) {
      co_return refusal("requestTooLarge", one.error().what);
    } else {
      co_return std::unexpected(call_error(one.error()));
    }
  }
  json::object out;
  out["accountId"] = account_id(call.caller.account);
  out["parsed"] = parsed.empty() ? json::value(nullptr) : json::value(std::move(parsed));
  out["notParsable"] = or_null(std::move(not_parsable));
  out["notFound"] = or_null(std::move(not_found));
  co_return out;
}

}  // namespace posthouse::access::jmap
