// A data directory that was moved takes the files of its accounts along.
#include "store/file_rows.h"
#include "store/limits.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"

namespace posthouse::store {

namespace {

constexpr std::string_view kDirectoryKey = "W";  // where the data directory was at the last start

struct Move {
  std::string from, to;  // end in "/"
};

// True: `path` was in the directory and has its new place now. One that is below the new place already was
// moved by a start that did not come to its end.
bool relocate(std::string& path, const Move& to) {
  if (!path.starts_with(to.from) || path.starts_with(to.to)) return false;
  path = to.to + path.substr(to.from.size());
  return true;
}

// True: some of it was in the directory.
bool relocate(FilePlace& place, const Move& to) {
  const bool inbox = relocate(place.inbox, to);
  return relocate(place.folders, to) || inbox;
}

engine::Step move_place(AccountId account, const Move& to) {
  return {account_partition(account), [&to](engine::Transaction& rows) -> Result<void> {
            const Result<std::optional<std::string>> record = rows.get(kFilePlaceKey);
            if (!record) return std::unexpected(record.error());
            Result<FilePlace> place = decode_file_place(record->value_or(""));
            if (!place) return {};  // `store check` tells
            if (relocate(*place, to)) rows.put(kFilePlaceKey, encode(*place));
            return {};
          }};
}

// An unfinished conversion leads to the new place as well.
engine::Step move_conversion(AccountId account, const FilePlace& place) {
  return {engine::hints_partition(), [account, &place](engine::Transaction& rows) -> Result<void> {
            rows.put(hint_key(kConvertHint, account), std::string(kToOtherFiles) + encode(place));
            return {};
          }};
}

}  // namespace

Task<Result<void>> MailStore::move_places(std::string from, std::string to) {
  const Move move_all{std::move(from), std::move(to)};
  Result<std::vector<AccountId>> accounts = co_await impl_->hinted(kFilesHint);
  if (!accounts) co_return std::unexpected(accounts.error());
  Result<std::vector<Conversion>> under_way = co_await conversions();
  if (!under_way) co_return std::unexpected(under_way.error());
  std::erase_if(*under_way, [&](Conversion& one) { return !one.place || !relocate(*one.place, move_all); });
  std::vector<engine::Step> steps;
  for (const Conversion& one : *under_way) steps.push_back(move_conversion(one.account, *one.place));
  for (const AccountId account : *accounts) {
    steps.push_back(move_place(account, move_all));
    if (steps.size() < kPart) continue;
    Result<void> moved = co_await impl_->engine.transact(std::exchange(steps, {}));
    if (!moved) co_return moved;
  }
  if (steps.empty()) co_return Result<void>();
  Result<void> done = co_await impl_->engine.transact(std::move(steps));
  co_return done;
}

Task<Result<void>> MailStore::follow_directory(std::string path) {
  Result<std::optional<std::string>> record =
      co_await impl_->engine.fetch(kStorePartition, std::string(kDirectoryKey));
  if (!record) co_return std::unexpected(record.error());
  const Result<std::string> before = *record ? decode_location(**record) : Result<std::string>("");
  if (before && *before == path) co_return Result<void>();
  if (before && !before->empty()) {
    Result<void> moved = co_await move_places(*before + "/", path + "/");
    if (!moved) co_return moved;
  }
  std::vector<engine::Step> steps;
  steps.push_back({kStorePartition, [&path](engine::Transaction& rows) -> Result<void> {
                     rows.put(kDirectoryKey, encode_location(path));
                     return {};
                   }});
  Result<void> done = co_await impl_->engine.transact(std::move(steps));
  co_return done;
}

}  // namespace posthouse::store
