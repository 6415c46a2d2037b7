// What import and export ask for. Pages and pieces are small, so that others are served in between.
#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "app/admin/verbs.h"
#include "app/limits.h"
#include "base/ascii.h"
#include "base/base64.h"
#include "engine/blob.h"

namespace posthouse::app::verbs {
namespace {

namespace json = boost::json;

struct Found {
  store::AccountId account = 0;
  store::MailboxInfo mailbox;
};

Task<Result<Found>> find(Context context, Arguments arguments) {
  auto account = co_await find_account(context, arguments);
  if (!account) co_return std::unexpected(account.error());
  Found out;
  out.account = account->id;
  std::string name = text(arguments, "mailbox");
  auto mailbox = co_await context.core.store.mailbox(out.account, std::move(name));
  if (!mailbox) co_return std::unexpected(mailbox.error());
  out.mailbox = std::move(*mailbox);
  co_return out;
}

// Those of the mailbox from the UID "first" on.
Task<Result<std::vector<store::Entry>>> page(Context context, Found found, Arguments arguments, size_t size) {
  const auto first = static_cast<store::Uid>(number(arguments, "first").value_or(1));
  co_return co_await context.core.store.entries(found.account, found.mailbox.id, first, UINT32_MAX, size,
                                                false);
}

// Of a letter in a file its bytes are read; else its blob knows. Nothing for one that went meanwhile.
Task<Result<std::optional<uint64_t>>> checksum_of_file(Context context, store::AccountId account,
                                                       store::Entry entry) {
  engine::BlobChecksum checksum;
  for (uint64_t at = 0; at < entry.size;) {
    auto piece = co_await context.core.store.read(account, entry, at, engine::kBlobChunk);
    if (!piece && piece.error().kind == FaultKind::not_found) co_return std::nullopt;
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    at += piece->size();
    checksum.feed(*piece);
  }
  co_return checksum.value();
}

Result<void> checksums_of_blobs(const engine::Reader& reader, const std::vector<store::Entry>& entries,
                                std::vector<std::optional<uint64_t>>& out) {
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].blob == 0) continue;
    auto found = engine::blob_checksum(reader, entries[i].blob);
    const bool bad =
        !found && (found.error().kind == FaultKind::not_found || found.error().kind == FaultKind::corrupt);
    if (!found && !bad) return std::unexpected(found.error());
    if (found) out[i] = *found;
  }
  return {};
}

json::array listed_with_flags(const store::Entry& entry) {
  json::array out;
  out.emplace_back(entry.uid);
  out.emplace_back(entry.delivery);
  out.emplace_back(entry.size);
  out.emplace_back(int64_t{entry.internal_date.time_since_epoch().count()});
  out.emplace_back(entry.flags.system);
  out.push_back(json::array(entry.flags.keywords.begin(), entry.flags.keywords.end()));
  return out;
}

Result<std::vector<store::Uid>> uids_of(const Arguments& arguments) {
  const auto* uids = arguments.if_contains("uids");
  if (uids == nullptr || !uids->is_array()) return fail(FaultKind::syntax, "uids is missing");
  std::vector<store::Uid> out;
  for (const json::value& uid : uids->get_array()) {
    json::error_code failed;
    out.push_back(uid.to_number<store::Uid>(failed));
    if (failed || out.size() > kExportPage) return fail(FaultKind::syntax, "uids: not what was expected");
  }
  return out;
}

// Letters by the flags that they are to have.
struct ByFlags {
  bool operator()(const store::FlagSet& a, const store::FlagSet& b) const {
    return std::tie(a.system, a.keywords) < std::tie(b.system, b.keywords);
  }
};
using FlagChanges = std::map<store::FlagSet, std::vector<store::Uid>, ByFlags>;

Result<FlagChanges> changes_of(const Arguments& arguments) {
  const auto wrong = [] { return fail(FaultKind::syntax, "changes: not what was expected"); };
  const auto* changes = arguments.if_contains("changes");
  if (changes == nullptr || !changes->is_array() || changes->get_array().size() > kImportTogether)
    return wrong();
  FlagChanges out;
  for (const json::value& change : changes->get_array()) {
    if (!change.is_array() || change.get_array().size() != 3) return wrong();
    const json::array& values = change.get_array();
    json::error_code failed;
    const auto uid = values[0].to_number<store::Uid>(failed);
    store::FlagSet flags;
    if (!failed) flags.system = values[1].to_number<uint8_t>(failed);
    if (failed || !values[2].is_array()) return wrong();
    for (const json::value& keyword : values[2].get_array()) {
      if (!keyword.is_string()) return wrong();
      flags.keywords.emplace_back(keyword.get_string());
    }
    std::ranges::sort(flags.keywords, ILess());
    out[std::move(flags)].push_back(uid);
  }
  return out;
}

}  // namespace

Task<Answer> import_flags(Context context, Arguments arguments) {
  auto found = co_await find(context, arguments);
  if (!found) co_return std::unexpected(found.error());
  auto changes = changes_of(arguments);
  if (!changes) co_return std::unexpected(changes.error());
  uint64_t changed = 0;
  for (auto& [flags, uids] : *changes) {
    store::FlagUpdate update;
    update.change = store::FlagChange::set;
    update.flags = flags;
    std::ranges::sort(uids);
    std::vector<store::Uid> these = uids;
    auto done =
        co_await context.core.store.update_flags(found->account, found->mailbox.id, std::move(these), update);
    if (!done && done.error().kind == FaultKind::policy) {  // no room for such keywords: without them
      update.flags.keywords.clear();
      done = co_await context.core.store.update_flags(found->account, found->mailbox.id, std::move(uids),
                                                      update);
    }
    if (!done) co_return std::unexpected(done.error());
    changed += done->entries.size();
  }
  json::object out;
  out["changed"] = changed;
  co_return out;
}

Task<Answer> import_present(Context context, Arguments arguments) {
  auto found = co_await find(context, arguments);
  if (!found) co_return std::unexpected(found.error());
  const bool with_flags = flag(arguments, "flags");
  auto entries = co_await page(context, *found, std::move(arguments), kImportPage);
  if (!entries) co_return std::unexpected(entries.error());
  std::vector<std::optional<uint64_t>> checksums(entries->size());
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    return checksums_of_blobs(reader, *entries, checksums);
  };
  auto done = co_await context.core.engine.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  json::array messages;
  for (size_t i = 0; i < entries->size(); ++i) {
    const store::Entry& entry = (*entries)[i];
    if (entry.blob == 0) {
      auto read = co_await checksum_of_file(context, found->account, entry);
      if (!read) co_return std::unexpected(read.error());
      checksums[i] = *read;
    }
    json::array row;
    row.emplace_back(entry.uid);
    row.emplace_back(entry.size);
    row.push_back(number_or_null(checksums[i]));
    if (with_flags) {
      row.emplace_back(entry.flags.system);
      row.push_back(json::array(entry.flags.keywords.begin(), entry.flags.keywords.end()));
    }
    messages.push_back(std::move(row));
  }
  json::object out;
  out["messages"] = std::move(messages);
  co_return out;
}

Task<Answer> export_list(Context context, Arguments arguments) {
  auto found = co_await find(context, arguments);
  if (!found) co_return std::unexpected(found.error());
  auto entries = co_await page(context, *found, std::move(arguments), kRestorePage);
  if (!entries) co_return std::unexpected(entries.error());
  json::array messages;
  for (const store::Entry& entry : *entries) messages.push_back(listed_with_flags(entry));
  json::object out;
  out["messages"] = std::move(messages);
  co_return out;
}

Task<Answer> export_letters(Context context, Arguments arguments) {
  auto found = co_await find(context, arguments);
  if (!found) co_return std::unexpected(found.error());
  auto uids = uids_of(arguments);
  if (!uids) co_return std::unexpected(uids.error());
  auto entries =
      co_await context.core.store.entries(found->account, found->mailbox.id, std::move(*uids), false);
  if (!entries) co_return std::unexpected(entries.error());
  json::array letters;
  uint64_t total = 0;
  for (const store::Entry& entry : *entries) {
    json::array row;
    row.emplace_back(entry.uid);
    auto bytes = co_await context.core.store.read(found->account, entry, 0, kExportPiece);
    if (bytes) {
      total += bytes->size();
      row.emplace_back(base64_encode(*bytes));
    } else {
      row.emplace_back(nullptr);
      row.emplace_back(bytes.error().what);
    }
    letters.push_back(std::move(row));
    if (total >= kExportPiece) break;
  }
  json::object out;
  out["letters"] = std::move(letters);
  co_return out;
}

Task<Answer> export_piece(Context context, Arguments arguments) {
  auto found = co_await find(context, arguments);
  if (!found) co_return std::unexpected(found.error());
  std::vector<store::Uid> uids{static_cast<store::Uid>(number(arguments, "uid").value_or(0))};
  auto entries =
      co_await context.core.store.entries(found->account, found->mailbox.id, std::move(uids), false);
  if (!entries) co_return std::unexpected(entries.error());
  if (entries->empty()) co_return fail(FaultKind::not_found, "the letter is gone");
  const uint64_t offset = number(arguments, "offset").value_or(0);
  auto bytes = co_await context.core.store.read(found->account, entries->front(), offset, kExportPiece);
  if (!bytes) co_return std::unexpected(bytes.error());
  json::object out;
  out["bytes"] = base64_encode(*bytes);
  co_return out;
}

}  // namespace posthouse::app::verbs
