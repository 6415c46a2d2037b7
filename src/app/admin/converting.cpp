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

constexpr size_t kEntriesTogether = 1'000;
constexpr uint64_t kPiece = 128 * 1024;  // of a letter, read at once

Task<Result<void>> check_readable(Context context, uint64_t account, store::Entry entry) {
  for (uint64_t at = 0; at < entry.size; at += kPiece) {
    const auto piece = co_await context.core.store.read(account, entry, at, kPiece);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return fail(FaultKind::corrupt, "it is shorter than it should be");
  }
  co_return Result<void>();
}

// Letters of an account in files that are not in them because nobody can read them.
Task<Result<json::array>> unreadable_letters(Context context, uint64_t account) {
  store::MailStore& store = context.core.store;
  json::array out;
  const auto mailboxes = co_await store.mailboxes(account);
  if (!mailboxes) co_return std::unexpected(mailboxes.error());
  for (const store::MailboxInfo& mailbox : *mailboxes) {
    for (store::Uid next = 1; next != 0;) {
      const auto entries =
          co_await store.entries(account, mailbox.id, next, UINT32_MAX, kEntriesTogether, false);
      if (!entries) co_return std::unexpected(entries.error());
      next = entries->size() < kEntriesTogether ? 0 : entries->back().uid + 1;
      for (const store::Entry& entry : *entries) {
        if (entry.blob == 0) continue;
        auto readable = co_await check_readable(context, account, entry);
        if (!readable)
          out.emplace_back(
              fmt::format("mailbox {} UID {}: {}", mailbox.name, entry.uid, readable.error().what));
      }
    }
  }
  co_return out;
}

// Mailboxes whose names the format has no room for.
Task<Result<json::array>> mailboxes_without_file(Context context, uint64_t account, store::Format format) {
  json::array out;
  const auto mailboxes = co_await context.core.store.mailboxes(account);
  if (!mailboxes) co_return std::unexpected(mailboxes.error());
  for (const store::MailboxInfo& mailbox : *mailboxes) {
    const auto possible = context.core.mirror.check_name(format, mailbox.name);
    if (possible || mailbox.name == "INBOX") continue;
    out.emplace_back(fmt::format("mailbox {}: {}", mailbox.name, possible.error().what));
  }
  co_return out;
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
  json::object out;
  out["address"] = account->address;
  out["store"] = store::to_string(place->format);
  if (!done) {
    if (done.error().kind != FaultKind::corrupt) co_return std::unexpected(done.error());
    auto there = co_await context.core.store.place(account->id);
    if (!there || there->format != place->format) co_return std::unexpected(done.error());
    // All others are in the files, and these are tried again as the outbox is.
    auto unreadable = co_await unreadable_letters(context, account->id);
    if (!unreadable) co_return std::unexpected(unreadable.error());
    if (unreadable->empty()) co_return std::unexpected(done.error());
    out["unreadable"] = std::move(*unreadable);
  }
  if (place->format != now->format) tell_files_left(*now, "copy_left", out);
  auto without = co_await mailboxes_without_file(context, account->id, place->format);
  if (!without) co_return std::unexpected(without.error());
  if (!without->empty()) out["without_file"] = std::move(*without);
  co_return out;
}

}  // namespace posthouse::app::verbs
