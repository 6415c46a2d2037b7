// Mailboxes of an account, and expunged letters: listed, brought back, removed for good.
#include <algorithm>

#include "app/admin/verbs.h"
#include "app/limits.h"
#include "delivery/delivery.h"
#include "message/encoded_word.h"
#include "message/summary.h"

namespace posthouse::app::verbs {
namespace {

namespace json = boost::json;

store::KeptFilter filter_of(const Arguments& arguments) {
  store::KeptFilter filter;
  filter.mailbox = text(arguments, "mailbox");
  if (auto since = number(arguments, "since"))
    filter.since = SystemTime(milliseconds(static_cast<int64_t>(*since)));
  if (const auto* uids = arguments.if_contains("uids"); uids != nullptr && uids->is_array()) {
    for (const auto& uid : uids->get_array()) {
      json::error_code failed;
      filter.uids.push_back(uid.to_number<store::Uid>(failed));
    }
  }
  return filter;
}

// What a sender wrote goes to somebody's terminal.
std::string harmless(std::string text) {
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 127; }, ' ');
  return text;
}

std::string sender_of(const message::Summary& summary) {
  for (const auto& from : summary.envelope.from) {
    if (from.has_mailbox && from.has_host) return harmless(from.mailbox + "@" + from.host);
  }
  return "";
}

constexpr std::string_view kRoles[] = {"none", "inbox", "drafts",  "sent",
                                       "junk", "trash", "archive", "important"};

json::object describe(const store::MailboxInfo& mailbox) {
  json::object out;
  out["name"] = mailbox.name;
  out["role"] = kRoles[static_cast<size_t>(mailbox.role)];
  out["messages"] = mailbox.exists;
  out["unseen"] = mailbox.unseen;
  out["bytes"] = mailbox.bytes;
  out["subscribed"] = mailbox.subscribed;
  out["uid_validity"] = mailbox.uid_validity;
  out["uid_next"] = mailbox.uid_next;
  return out;
}

json::object describe(const store::KeptMessage& message, seconds keep) {
  json::object out;
  out["expunged"] = iso_time(message.place.when);
  out["mailbox"] = message.mailbox;
  out["uid"] = message.place.uid;
  auto summary = message::decode(message.summary);
  out["from"] = summary ? sender_of(*summary) : "";
  out["subject"] = summary ? harmless(message::decode_words(summary->envelope.subject)) : "";
  out["received"] = iso_time(message.internal_date);
  out["size"] = message.size;
  out["until"] = iso_time(message.place.when + keep);
  return out;
}

// A mailbox that is named is there, or has letters that could come back.
Task<Result<void>> check_name(Context context, uint64_t account, Arguments arguments) {
  store::KeptFilter filter;
  filter.mailbox = text(arguments, "mailbox");
  if (filter.mailbox.empty()) co_return Result<void>();
  auto now = co_await context.core.store.mailbox(account, filter.mailbox);
  if (now) co_return Result<void>();
  if (now.error().kind != FaultKind::not_found) co_return std::unexpected(now.error());
  const std::string name = filter.mailbox;
  auto then = co_await context.core.store.kept(account, std::move(filter), std::nullopt, 1);
  if (!then) co_return std::unexpected(then.error());
  if (then->empty()) co_return fail(FaultKind::not_found, "no such mailbox: " + name);
  co_return Result<void>();
}

// All that fit, without their summaries.
struct Chosen {
  std::vector<store::KeptPlace> places;
  uint64_t bytes = 0;
};

Task<Result<Chosen>> choose(Context context, uint64_t account, Arguments arguments) {
  Chosen chosen;
  const store::KeptFilter filter = filter_of(arguments);
  std::optional<store::KeptPlace> after;
  while (true) {
    auto page = co_await context.core.store.kept(account, filter, after, kExpungedAtOnce);
    if (!page) co_return std::unexpected(page.error());
    for (const auto& message : *page) {
      chosen.places.push_back(message.place);
      chosen.bytes += message.size;
    }
    if (page->size() < kExpungedAtOnce) break;
    after = page->back().place;
  }
  co_return chosen;
}

// Of the UIDs that were asked for, those of which no letter is kept.
json::array not_kept(std::vector<store::Uid> asked, const Chosen& chosen) {
  for (const store::KeptPlace& place : chosen.places) std::erase(asked, place.uid);
  return json::array(asked.begin(), asked.end());
}

bool passes(const std::optional<uint64_t>& limit, uint64_t used, uint64_t more) {
  return limit && (more > *limit || used > *limit - more);
}

// Whether all of them fit: better told before than after half of them.
Task<Result<void>> check_room(Context context, uint64_t account, store::Quota quota, std::string domain,
                              uint64_t messages, uint64_t bytes) {
  auto usage = co_await context.core.store.usage(account);
  if (!usage) co_return std::unexpected(usage.error());
  if (passes(quota.bytes, usage->bytes, bytes) || passes(quota.messages, usage->messages, messages)) {
    co_return fail(
        FaultKind::over_quota,
        fmt::format("{} letters of {} bytes are more than the account may still take", messages, bytes));
  }
  auto group = co_await context.core.store.group_usage(domain);
  if (!group) co_return std::unexpected(group.error());
  if (passes(quota.group_bytes, group->bytes, bytes) ||
      passes(quota.group_messages, group->messages, messages)) {
    co_return fail(
        FaultKind::over_quota,
        fmt::format("{} letters of {} bytes are more than the domain may still take", messages, bytes));
  }
  co_return Result<void>();
}

}  // namespace

Task<Answer> mailbox_list(Context context, Arguments arguments) {
  auto account = co_await find_account(context, arguments);
  if (!account) co_return std::unexpected(account.error());
  auto mailboxes = co_await context.core.store.mailboxes(account->id);
  if (!mailboxes) co_return std::unexpected(mailboxes.error());
  json::array out;
  for (const auto& mailbox : *mailboxes) out.push_back(describe(mailbox));
  co_return out;
}

Task<Answer> mailbox_expunged(Context context, Arguments arguments) {
  auto account = co_await find_account(context, arguments);
  if (!account) co_return std::unexpected(account.error());
  auto named = co_await check_name(context, account->id, arguments);
  if (!named) co_return std::unexpected(named.error());
  const store::KeptFilter filter = filter_of(arguments);
  const size_t most = number(arguments, "most").value_or(kExpungedListed);
  json::array out;
  std::optional<store::KeptPlace> after;
  while (out.size() < most) {
    const size_t wanted = std::min(most - out.size(), kExpungedAtOnce);
    auto page = co_await context.core.store.kept(account->id, filter, after, wanted);
    if (!page) co_return std::unexpected(page.error());
    for (const auto& message : *page) out.push_back(describe(message, context.core.keep_expunged));
    if (page->size() < wanted) break;
    after = page->back().place;
  }
  co_return out;
}

Task<Answer> mailbox_undelete(Context context, Arguments arguments) {
  auto account = co_await find_account(context, arguments);
  if (!account) co_return std::unexpected(account.error());
  auto named = co_await check_name(context, account->id, arguments);
  if (!named) co_return std::unexpected(named.error());
  auto chosen = co_await choose(context, account->id, arguments);
  if (!chosen) co_return std::unexpected(chosen.error());
  if (chosen->places.empty() && !filter_of(arguments).uids.empty())
    co_return fail(FaultKind::not_found,
                   "no such letter is kept; `posthouse mailbox expunged` lists those that are");
  auto standing = co_await context.core.directory.standing(account->id);
  if (!standing) co_return std::unexpected(standing.error());
  const store::Quota quota = delivery::quota_of(*standing, context.core.delivery.options());
  auto room = co_await check_room(context, account->id, quota, standing->domain, chosen->places.size(),
                                  chosen->bytes);
  const bool dry_run = flag(arguments, "dry_run");
  json::object out;
  json::array missing = not_kept(filter_of(arguments).uids, *chosen);
  if (dry_run) {
    out["would_restore"] = chosen->places.size();
    out["bytes"] = chosen->bytes;
    out["fits"] = room.has_value();
    if (!missing.empty()) out["not_kept"] = std::move(missing);
    co_return out;
  }
  if (!room) co_return std::unexpected(room.error());
  store::Restored done;
  for (size_t at = 0; at < chosen->places.size(); at += kExpungedAtOnce) {
    const auto begin = chosen->places.begin() + static_cast<ptrdiff_t>(at);
    const size_t count = std::min(kExpungedAtOnce, chosen->places.size() - at);
    std::vector<store::KeptPlace> part(begin, begin + static_cast<ptrdiff_t>(count));
    auto put = co_await context.core.store.undelete(account->id, std::move(part), quota, done);
    if (!put) {
      co_return fail(put.error().kind,
                     fmt::format("{}; {} letters were restored before", put.error().what, done.messages));
    }
    if (context.progress) context.progress(at + count, chosen->places.size());
  }
  out["restored"] = done.messages;
  out["bytes"] = done.bytes;
  if (!missing.empty()) out["not_kept"] = std::move(missing);
  co_return out;
}

Task<Answer> mailbox_purge(Context context, Arguments arguments) {
  auto account = co_await find_account(context, arguments);
  if (!account) co_return std::unexpected(account.error());
  SystemTime before = SystemTime::max();
  if (auto age = number(arguments, "older_than"))
    before = context.core.clock.now() - seconds(static_cast<int64_t>(*age));
  auto usage = co_await context.core.store.usage(account->id);
  if (!usage) co_return std::unexpected(usage.error());
  uint64_t messages = 0, bytes = 0;
  while (true) {
    auto part = co_await context.core.store.purge_kept(account->id, before, kExpungedAtOnce);
    if (!part) co_return std::unexpected(part.error());
    messages += part->messages;
    bytes += part->bytes;
    if (context.progress) context.progress(messages, std::max(messages, usage->kept_messages));
    if (part->messages < kExpungedAtOnce) break;
  }
  auto swept = co_await context.core.store.sweep(false);
  if (!swept) co_return std::unexpected(swept.error());
  json::object out;
  out["purged"] = messages;
  out["bytes"] = bytes;
  co_return out;
}

}  // namespace posthouse::app::verbs
