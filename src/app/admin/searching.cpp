// The search index: what there is of it, and making it anew.
#include <filesystem>

#include "app/admin/verbs.h"

namespace posthouse::app::verbs {

namespace json = boost::json;

namespace {

void describe(const search::Totals& totals, uint64_t messages, json::object& out) {
  out["letters"] = messages;
  out["indexed"] = totals.letters;
  out["mailboxes"] = totals.mailboxes;
  out["segments"] = totals.segments;
  out["text_bytes"] = totals.text;
  out["index_bytes"] = totals.bytes;
  out["percent"] = totals.text == 0 ? 0 : totals.bytes * 100 / totals.text;
}

// What can't be read of it: searches go on without, and it can be made anew at any time.
std::unexpected<Fault> bad_index(Fault fault) {
  if (fault.kind == FaultKind::corrupt || fault.kind == FaultKind::io)
    fault.what = fmt::format(
        "the search index: {}; searches read the letters instead. `posthouse search "
        "rebuild` makes it anew",
        fault.what);
  return std::unexpected(std::move(fault));
}

Task<Result<std::vector<directory::Account>>> named_accounts(Context context, Arguments arguments) {
  if (text(arguments, "address").empty()) {
    auto all = co_await context.core.directory.accounts("");
    co_return all;
  }
  auto one = co_await find_account(context, std::move(arguments));
  if (!one) co_return std::unexpected(one.error());
  co_return std::vector<directory::Account>{std::move(*one)};
}

}  // namespace

Task<Answer> search_status(Context context, Arguments arguments) {
  Core& core = context.core;
  const auto accounts = co_await named_accounts(context, std::move(arguments));
  if (!accounts) co_return std::unexpected(accounts.error());
  json::object out;
  out["enabled"] = core.search_options.enabled;
  search::Totals all;
  uint64_t messages = 0;
  json::array list;
  std::error_code error;
  search::Index* index = nullptr;
  if (core.search_options.enabled && std::filesystem::exists(core.search_directory, error)) {
    const auto opened = core.search_index();
    if (!opened) co_return bad_index(opened.error());
    index = *opened;
  }
  for (const directory::Account& account : *accounts) {
    search::Totals totals;
    if (index != nullptr) {
      const auto found = co_await index->totals(account.id);
      if (!found) co_return bad_index(found.error());
      totals = *found;
    }
    const auto usage = co_await core.store.usage(account.id);
    const uint64_t there = usage ? usage->messages : 0;
    json::object one;
    one["address"] = account.address;
    describe(totals, there, one);
    list.push_back(std::move(one));
    all.add(totals);
    messages += there;
  }
  describe(all, messages, out);
  out["disk_bytes"] = search::StoredIndex::size_on_disk(core.search_directory);
  out["accounts"] = std::move(list);
  co_return out;
}

Task<Answer> search_rebuild(Context context, Arguments arguments) {
  const auto accounts = co_await named_accounts(context, std::move(arguments));
  if (!accounts) co_return std::unexpected(accounts.error());
  const auto index = context.core.search_index();
  if (!index) co_return std::unexpected(index.error());
  for (const directory::Account& account : *accounts) {
    Result<void> done;
    if (context.core.indexer != nullptr) {
      done = co_await context.core.indexer->forget(account.id);
    } else {
      done = co_await (*index)->forget(account.id);
    }
    if (!done) co_return std::unexpected(done.error());
  }
  json::object out;
  out["forgotten"] = accounts->size();
  co_return out;
}

}  // namespace posthouse::app::verbs
