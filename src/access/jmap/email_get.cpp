// Email/get (RFC 8621 section 4.2).
#include <set>

#include "access/jmap/blob_id.h"
#include "access/jmap/email_object.h"
#include "access/jmap/letters.h"
#include "access/jmap/limits.h"
#include "access/jmap/methods.h"
#include "access/jmap/standard.h"
#include "access/jmap/states.h"
#include "access/jmap/utc_date.h"
#include "base/log.h"

namespace posthouse::access::jmap {
namespace {

void add_metadata(json::object& out, const EmailPlan& plan, const Letter& letter) {
  out["id"] = format_email_id(letter.id);
  if (plan.wants("blobId")) out["blobId"] = format_blob_id({BlobId::Kind::letter, letter.id, ""});
  if (plan.wants("threadId")) out["threadId"] = format_thread_id(letter.thread);
  if (plan.wants("size")) out["size"] = letter.entry().size;
  if (plan.wants("receivedAt")) out["receivedAt"] = format_utc_date(letter.entry().internal_date);
  if (plan.wants("mailboxIds")) {
    json::object& mailboxes = out["mailboxIds"].emplace_object();
    for (const store::Entry& copy : letter.copies) mailboxes[format_mailbox_id(copy.mailbox)] = true;
  }
  if (plan.wants("keywords")) {
    json::object& keywords = out["keywords"].emplace_object();
    for (const std::string& keyword : keywords_of(letter)) keywords[keyword] = true;
  }
}

// Whether its shape is needed at all.
bool wants_content(const EmailPlan& plan) {
  return plan.wants_header() || plan.wants_parts() || plan.wants("hasAttachment") || plan.wants("preview");
}

Task<Result<json::object>> email_object(const Call& call, const EmailPlan& plan, const Letter& letter,
                                        TextBudget& budget) {
  json::object out;
  add_metadata(out, plan, letter);
  if (!wants_content(plan)) co_return out;
  Result<message::Summary> summary = message::decode(letter.entry().summary);
  const LetterSource source(call.services, call.caller.account, letter.entry());
  if (!summary) summary = co_await summarize(source);
  if (!summary) co_return std::unexpected(summary.error());
  const PartNames names{{BlobId::Kind::letter, letter.id, ""}, {}};
  Result<void> added = co_await add_content(out, plan, source, *summary, names, budget);
  if (!added) co_return std::unexpected(added.error());
  co_return out;
}

struct Asked {
  std::vector<catalog::EmailId> ids;
  json::array not_found;
};

Asked read_ids(const Call& call, const std::vector<std::string>& asked) {
  Asked out;
  for (const std::string& text : asked) {
    const std::optional<std::string> id = created_id(call, text);
    const std::optional<uint64_t> email = id ? parse_email_id(*id) : std::nullopt;
    if (email) out.ids.push_back(*email);
    if (!email) out.not_found.emplace_back(text);
  }
  return out;
}

// Those that were asked for and are not there.
void add_missing(const std::vector<catalog::EmailId>& ids, const std::vector<Letter>& letters,
                 json::array& out) {
  std::set<catalog::EmailId> found;
  for (const Letter& letter : letters) found.insert(letter.id);
  for (const catalog::EmailId id : ids) {
    if (found.insert(id).second) out.emplace_back(format_email_id(id));
  }
}

}  // namespace

Task<Outcome> email_get(Call& call) {
  Arguments arguments(call.arguments);
  if (auto wrong = wrong_account(arguments, call)) co_return std::unexpected(std::move(*wrong));
  const std::optional<std::vector<std::string>> wanted = arguments.strings("ids");
  const EmailPlan plan = take_email_plan(arguments);
  if (auto fault = arguments.fault()) co_return std::unexpected(std::move(*fault));
  if (wanted && wanted->size() > kMaxObjectsInGet) co_return refusal("requestTooLarge");
  Result<catalog::Position> now = co_await call.services.catalog.refresh(call.caller.account);
  if (!now) co_return std::unexpected(call_error(now.error()));
  Asked asked;
  if (wanted) {
    asked = read_ids(call, *wanted);
  } else {
    Result<std::vector<catalog::EmailId>> all = co_await call.services.catalog.all_ids(call.caller.account);
    if (!all) co_return std::unexpected(call_error(all.error()));
    if (all->size() > kMaxObjectsInGet) co_return refusal("requestTooLarge");
    asked.ids = std::move(*all);
  }
  Result<std::vector<Letter>> letters =
      co_await read_letters(call.services, call.caller.account, asked.ids, wants_content(plan));
  if (!letters) co_return std::unexpected(call_error(letters.error()));
  TextBudget budget{kMaxBodyValues};
  json::array list;
  std::set<catalog::EmailId> told;
  for (const Letter& letter : *letters) {
    if (!told.insert(letter.id).second) continue;
    Result<json::object> object = co_await email_object(call, plan, letter, budget);
    if (!object && object.error().kind == FaultKind::over_quota)
      co_return refusal("requestTooLarge", object.error().what);
    // One that went just now, or can't be read, is none; the others are told.
    if (!object &&
        (object.error().kind == FaultKind::not_found || object.error().kind == FaultKind::corrupt)) {
      log::warn("jmap.letter_not_read",
                {{"email", format_email_id(letter.id)}, {"what", object.error().what}});
      asked.not_found.emplace_back(format_email_id(letter.id));
      continue;
    }
    if (!object) co_return std::unexpected(call_error(object.error()));
    list.emplace_back(std::move(*object));
  }
  add_missing(asked.ids, *letters, asked.not_found);
  co_return get_response(call, format_state(*now), std::move(list), std::move(asked.not_found));
}

}  // namespace posthouse::access::jmap
