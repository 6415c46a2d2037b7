// An account that moves to another format.
#include <boost/json.hpp>

#include "app/admin/verbs.h"

namespace posthouse::app::verbs {
namespace {

namespace json = boost::json;

// On a reading thread: the files may be slow.
Task<Result<void>> check_free(Context context, store::FilePlace place) {
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader&) -> Result<void> {
    for (const std::string& path : {place.inbox, place.folders}) {
      if (!is_free(path))
        return fail(FaultKind::exists, path + " holds something already: move it away first");
    }
    return {};
  };
  co_return co_await context.core.engine.read(std::move(look));
}

}  // namespace

Task<bool> holds_something(Context context, store::FilePlace place) {
  if (place.format == store::Format::database) co_return false;
  auto free = co_await check_free(context, std::move(place));
  co_return !free && free.error().kind == FaultKind::exists;
}

void tell_files_left(const store::FilePlace& place, std::string_view first, json::object& out) {
  if (place.format == store::Format::database) return;
  out[first] = place.inbox;
  if (!place.folders.empty()) out["folders_left"] = place.folders;
}

Task<Answer> store_convert(Context context, Arguments arguments) {
  auto account = co_await find_account(context, arguments);
  if (!account) co_return std::unexpected(account.error());
  auto to = required(arguments, "to");
  if (!to) co_return std::unexpected(to.error());
  auto place = context.core.places.of(*to, account->address);
  if (!place) co_return std::unexpected(place.error());
  auto now = co_await context.core.store.place(account->id);
  if (!now) co_return std::unexpected(now.error());
  auto held = co_await context.core.taken_places.take(*place, account->id, account->address);
  if (!held) co_return std::unexpected(held.error());
  store::MailStore::Check check = [context, to = *place] { return check_free(context, to); };
  auto done = co_await context.core.store.convert(account->id, *place, context.progress, std::move(check));
  // What was begun goes on by itself.
  if (done || done.error().kind != FaultKind::exists) held->keep(account->id);
  if (!done) co_return std::unexpected(done.error());
  json::object out;
  out["address"] = account->address;
  out["store"] = store::to_string(place->format);
  if (place->format != now->format) tell_files_left(*now, "copy_left", out);
  co_return out;
}

}  // namespace posthouse::app::verbs
