// An account that comes back from a backup. Until all of it is there a note of that stays in the store, so
// that whoever repeats what was interrupted knows that the account is not one that was there before.
#include "app/admin/verbs.h"
#include "base/base64.h"

namespace posthouse::app::verbs {
namespace {

namespace json = boost::json;

constexpr std::string_view kNote = "app.restoring.";  // + address
// What is still to be done: everything, or all but what is done here.
constexpr std::string_view kAll = "all";
constexpr std::string_view kRest = "rest";

std::string note_key(const std::string& address) {
  return std::string(kNote) + address;
}

Task<Result<void>> put_note(Context context, std::string address, std::string value) {
  std::vector<engine::Step> steps;
  steps.push_back({engine::hints_partition(), [&](engine::Transaction& rows) -> Result<void> {
                     if (value.empty()) {
                       rows.erase(note_key(address));
                     } else {
                       rows.put(note_key(address), value);
                     }
                     return {};
                   }});
  co_return co_await context.core.engine.transact(std::move(steps));
}

// One that was made, but for its mailboxes.
Task<Result<void>> give_mailboxes(Context context, directory::Account account, std::string format) {
  auto usage = co_await context.core.store.usage(account.id);
  if (usage || usage.error().kind != FaultKind::not_found)
    co_return usage ? Result<void>() : std::unexpected(usage.error());
  auto place = context.core.places.of(format, account.address);
  if (!place) co_return std::unexpected(place.error());
  auto held = co_await context.core.taken_places.take(*place, account.id, account.address);
  if (!held) co_return std::unexpected(held.error());
  auto made = co_await context.core.store.create_account(account.id, group_of(account.address), *place);
  if (!made && made.error().kind != FaultKind::exists) co_return made;
  held->keep(account.id);
  co_return Result<void>();
}

// The password as a hash: SCRAM keys are made again at the first login.
Task<Result<void>> set_credentials(Context context, directory::Account account, Arguments arguments) {
  std::string hash = text(arguments, "password_hash");
  if (!hash.empty()) {
    Secret imported(std::move(hash));
    auto set = co_await context.core.directory.set_password_hash(account.id, std::move(imported));
    if (!set) co_return set;
  }
  auto record = base64_decode(text(arguments, "app_passwords"));
  if (!record) co_return fail(FaultKind::syntax, "app_passwords is not base64");
  if (!record->empty()) {
    auto set = co_await context.core.directory.set_app_passwords_record(account.id, std::move(*record));
    if (!set && set.error().kind != FaultKind::exists) co_return set;
  }
  co_return Result<void>();
}

}  // namespace

Task<Answer> restore_account(Context context, Arguments arguments) {
  auto address = address_of(arguments);
  if (!address) co_return std::unexpected(address.error());
  auto note = co_await context.core.engine.fetch(engine::hints_partition(), note_key(*address));
  if (!note) co_return std::unexpected(note.error());
  json::object out;
  auto account = co_await context.core.directory.account(*address);
  if (!account && account.error().kind != FaultKind::not_found) co_return std::unexpected(account.error());
  out["made"] = !account || note->has_value();
  if (account && *note != kAll) co_return out;
  if (!account) {
    auto noted = co_await put_note(context, *address, std::string(kAll));
    if (!noted) co_return std::unexpected(noted.error());
    auto added = co_await account_add(context, arguments);
    // What a command that was killed has begun may still be under way here: then both do the same.
    if (!added && added.error().kind != FaultKind::exists) {
      auto gone = co_await put_note(context, *address, "");
      co_return std::unexpected(gone ? added.error() : gone.error());
    }
    account = co_await context.core.directory.account(*address);
    if (!account) co_return std::unexpected(account.error());
  }
  auto complete = co_await give_mailboxes(context, *account, text(arguments, "store"));
  if (complete) complete = co_await set_credentials(context, *account, std::move(arguments));
  if (complete) complete = co_await put_note(context, *address, std::string(kRest));
  if (!complete) co_return std::unexpected(complete.error());
  co_return out;
}

Task<Answer> restore_end(Context context, Arguments arguments) {
  auto address = address_of(arguments);
  if (!address) co_return std::unexpected(address.error());
  auto gone = co_await put_note(context, *address, "");
  if (!gone) co_return std::unexpected(gone.error());
  co_return json::object();
}

}  // namespace posthouse::app::verbs
