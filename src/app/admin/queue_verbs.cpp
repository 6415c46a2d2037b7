#include "app/admin/verbs.h"
#include "app/limits.h"
#include "base/id.h"

namespace posthouse::app::verbs {
namespace {

namespace json = boost::json;

const char* name_of(queue::RecipientState state) {
  switch (state) {
    case queue::RecipientState::waiting:
      return "waiting";
    case queue::RecipientState::held:
      return "held";
    case queue::RecipientState::delivered:
      return "delivered";
    case queue::RecipientState::failed:
      return "failed";
  }
  return "";
}

json::object describe(const queue::Recipient& recipient) {
  json::object out;
  out["address"] = recipient.address;
  if (!recipient.original.empty()) out["original"] = recipient.original;
  out["domain"] = recipient.domain;
  out["state"] = name_of(recipient.state);
  out["attempts"] = recipient.attempts;
  const bool waits = recipient.state == queue::RecipientState::waiting;
  out["next_attempt"] = waits ? json::value(iso_time(recipient.next_attempt)) : json::value(nullptr);
  out["last_host"] = recipient.last_host;
  out["last_status"] = recipient.last_status;
  out["last_reply"] = recipient.last_reply;
  return out;
}

json::object describe(const queue::Letter& letter) {
  json::array recipients;
  for (const auto& recipient : letter.recipients) recipients.push_back(describe(recipient));
  json::object out;
  out["id"] = format_id(letter.id);
  out["sender"] = letter.reverse_path;
  out["size"] = letter.size;
  out["accepted"] = iso_time(letter.accepted);
  out["expires"] = iso_time(letter.expires);
  out["submitter"] = letter.submitter;
  out["recipients"] = std::move(recipients);
  return out;
}

// A letter that was moved out of the way, as far as it can be read.
json::object describe(const queue::Queue::SetAside& row) {
  json::object out;
  out["id"] = format_id(row.id);
  if (const auto letter = queue::Queue::letter_of(row)) out = describe(*letter);
  out["set_aside"] = row.reason;
  out["set_aside_since"] = iso_time(row.when);
  return out;
}

// What became of a letter that was returned.
const char* name_of(transport::Told told) {
  switch (told) {
    case transport::Told::sender:
      return "to_sender";
    case transport::Told::postmaster:
      return "to_postmaster";
    case transport::Told::set_aside:
      return "set_aside";
    case transport::Told::nobody:
      break;
  }
  return "to_nobody";
}

// One filter for each id named, or a single one. `changing`: refuse to touch the whole queue by accident.
Result<std::vector<queue::Filter>> filters(const Arguments& arguments, bool changing) {
  queue::Filter base;
  base.sender = text(arguments, "sender");
  base.recipient = text(arguments, "recipient");
  base.domain = text(arguments, "domain");
  base.most = number(arguments, "most").value_or(changing ? std::numeric_limits<uint32_t>::max() : 1000);
  std::string state = text(arguments, "state");
  if (state == "waiting") {
    base.state = queue::RecipientState::waiting;
  } else if (state == "held") {
    base.state = queue::RecipientState::held;
  } else if (!state.empty()) {
    return fail(FaultKind::syntax, "state is \"waiting\" or \"held\", not \"" + state + "\"");
  }
  std::vector<queue::Filter> out;
  for (const std::string& name : list(arguments, "ids")) {
    auto id = parse_id(name);
    if (!id) return fail(FaultKind::syntax, "not a queue id: " + name);
    out.push_back(base);
    out.back().id = *id;
  }
  bool narrowed = !out.empty() || !base.sender.empty() || !base.recipient.empty() || !base.domain.empty() ||
                  base.state.has_value();
  if (changing && !narrowed && !flag(arguments, "all")) {
    return fail(FaultKind::syntax,
                "which letters? Name ids, a sender, recipient, domain or state, or say all");
  }
  if (out.empty()) out.push_back(base);
  return out;
}

Task<Result<std::vector<queue::Letter>>> select(Context context, std::vector<queue::Filter> wanted) {
  std::vector<queue::Letter> out;
  for (size_t i = 0; i < wanted.size(); ++i) {
    auto letters = co_await context.core.queue.list(wanted[i]);
    if (!letters) co_return std::unexpected(letters.error());
    for (auto& letter : *letters) out.push_back(std::move(letter));
    if (letters->empty() && wanted[i].id) {
      co_return fail(FaultKind::not_found, "no such letter: " + format_id(*wanted[i].id));
    }
  }
  co_return out;
}

using Change = Task<Result<size_t>> (queue::Queue::*)(queue::Filter);
using Rescue = Task<Result<void>> (queue::Queue::*)(queue::LetterId);

// A letter named by its id that the verb did not change: it is there all the same, or it was set aside and
// `rescue` knows what to do with it, or there is none. The number of letters rescued.
Task<Result<size_t>> look_aside(queue::Queue& queue, queue::LetterId id, Rescue rescue) {
  auto there = co_await queue.find(id);
  if (!there) co_return std::unexpected(there.error());
  if (there->has_value()) co_return 0;
  if (rescue != nullptr) {
    auto done = co_await (queue.*rescue)(id);
    if (done) co_return 1;
    if (done.error().kind != FaultKind::not_found) co_return std::unexpected(done.error());
  }
  co_return fail(FaultKind::not_found, "no such letter: " + format_id(id));
}

// What a verb did: how many letters it changed, and which, unless they are too many to name.
struct Changed {
  size_t letters = 0;
  std::vector<queue::LetterId> ids;

  void add(queue::LetterId id, size_t count) {
    letters += count;
    if (count != 0) ids.push_back(id);
  }
  Answer answer() const {
    json::object out;
    out["letters"] = letters;
    if (ids.size() != letters || letters > kLettersNamed) return out;
    json::array names;
    for (queue::LetterId id : ids) names.emplace_back(format_id(id));
    out["ids"] = std::move(names);
    return out;
  }
};

// The letters that fit `filter`, one by one if they are few: one that left the queue in between was not
// changed.
Task<Result<void>> change_fitting(queue::Queue& queue, queue::Filter filter, Change verb, Changed& done) {
  queue::Filter look = filter;
  look.most = std::min(filter.most, kLettersNamed + 1);
  auto letters = co_await queue.list(look);
  if (!letters) co_return std::unexpected(letters.error());
  if (letters->size() > kLettersNamed) {
    auto changed = co_await (queue.*verb)(filter);
    if (!changed) co_return std::unexpected(changed.error());
    done.letters += *changed;
    co_return Result<void>();
  }
  for (size_t i = 0; i < letters->size(); ++i) {
    filter.id = (*letters)[i].id;
    auto changed = co_await (queue.*verb)(filter);
    if (!changed) co_return std::unexpected(changed.error());
    done.add(*filter.id, *changed);
  }
  co_return Result<void>();
}

Task<Result<void>> change_one(queue::Queue& queue, queue::Filter filter, Change verb, Rescue rescue,
                              Changed& done) {
  auto changed = co_await (queue.*verb)(filter);
  if (!changed) co_return std::unexpected(changed.error());
  done.add(*filter.id, *changed);
  if (*changed != 0) co_return Result<void>();
  auto rescued = co_await look_aside(queue, *filter.id, rescue);
  if (!rescued) co_return std::unexpected(rescued.error());
  done.add(*filter.id, *rescued);
  co_return Result<void>();
}

Task<Answer> change(Context context, Arguments arguments, Change verb, Rescue rescue = nullptr) {
  auto wanted = filters(arguments, true);
  if (!wanted) co_return std::unexpected(wanted.error());
  // Destinations that did not answer get a chance before their letters become due.
  if (context.transport != nullptr) context.transport->wake();
  queue::Queue& queue = context.core.queue;
  Changed done;
  Result<void> good;
  for (size_t i = 0; good && i < wanted->size(); ++i) {
    const queue::Filter& filter = (*wanted)[i];
    if (filter.id) {
      good = co_await change_one(queue, filter, verb, rescue, done);
    } else {
      good = co_await change_fitting(queue, filter, verb, done);
    }
  }
  if (!good) co_return std::unexpected(good.error());
  if (context.transport != nullptr) context.transport->wake();
  co_return done.answer();
}

}  // namespace

Task<Answer> queue_list(Context context, Arguments arguments) {
  auto wanted = filters(arguments, false);
  if (!wanted) co_return std::unexpected(wanted.error());
  auto letters = co_await select(context, *wanted);
  if (!letters) co_return std::unexpected(letters.error());
  json::array out;
  for (const auto& letter : *letters) out.push_back(describe(letter));
  co_return out;
}

Task<Answer> queue_set_aside(Context context, Arguments arguments) {
  auto records = co_await context.core.queue.list_set_aside(number(arguments, "most").value_or(1000));
  if (!records) co_return std::unexpected(records.error());
  json::array out;
  for (const auto& record : *records) {
    json::object one;
    one["id"] = format_id(record.id);
    one["when"] = iso_time(record.when);
    one["reason"] = record.reason;
    out.push_back(std::move(one));
  }
  co_return out;
}

Task<Answer> queue_show(Context context, Arguments arguments) {
  auto name = required(arguments, "id");
  if (!name) co_return std::unexpected(name.error());
  auto id = parse_id(*name);
  if (!id) co_return fail(FaultKind::syntax, "not a queue id: " + *name);
  auto letter = co_await context.core.queue.find(*id);
  if (!letter) co_return std::unexpected(letter.error());
  if (letter->has_value()) co_return describe(**letter);
  auto aside = co_await context.core.queue.find_set_aside(*id);
  if (!aside) co_return std::unexpected(aside.error());
  if (!aside->has_value()) co_return fail(FaultKind::not_found, "no such letter: " + *name);
  co_return describe(**aside);
}

Task<Answer> queue_retry(Context context, Arguments arguments) {
  co_return co_await change(std::move(context), std::move(arguments), &queue::Queue::retry_now);
}

Task<Answer> queue_hold(Context context, Arguments arguments) {
  co_return co_await change(std::move(context), std::move(arguments), &queue::Queue::hold);
}

Task<Answer> queue_release(Context context, Arguments arguments) {
  co_return co_await change(std::move(context), std::move(arguments), &queue::Queue::release,
                            &queue::Queue::restore);
}

Task<Answer> queue_delete(Context context, Arguments arguments) {
  co_return co_await change(std::move(context), std::move(arguments), &queue::Queue::remove,
                            &queue::Queue::discard);
}

Task<Answer> queue_bounce(Context context, Arguments arguments) {
  if (context.transport == nullptr) co_return fail(FaultKind::temporary, "nothing can bounce here");
  auto wanted = filters(arguments, true);
  if (!wanted) co_return std::unexpected(wanted.error());
  auto letters = co_await select(context, *wanted);
  if (!letters) co_return std::unexpected(letters.error());
  json::array ids;
  std::map<std::string, size_t> told;
  for (size_t i = 0; i < letters->size(); ++i) {
    const std::string id = format_id((*letters)[i].id);
    auto bounced = co_await context.transport->bounce((*letters)[i].id);
    if (!bounced) {
      const std::string before = i == 0 ? "" : fmt::format(" ({} letters before it were returned)", i);
      co_return fail(bounced.error().kind, fmt::format("{}: {}{}", id, bounced.error().what, before));
    }
    ids.emplace_back(id);
    ++told[name_of(*bounced)];
  }
  json::object out;
  out["letters"] = ids.size();
  if (ids.size() <= kLettersNamed) out["ids"] = std::move(ids);
  for (const auto& [what, count] : told) out[what] = count;
  co_return out;
}

}  // namespace posthouse::app::verbs
