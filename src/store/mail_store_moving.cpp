// A data directory that was moved takes the files of its accounts along.
#include "engine/record.h"
#include "store/file_rows.h"
#include "store/limits.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"

namespace posthouse::store {

namespace {

constexpr std::string_view kDirectoryKey = "W";  // where the data directory was at the last start
constexpr uint8_t kDirectoryVersion = 1;

std::string encode_directory(std::string_view path) {
  return engine::RecordWriter(kDirectoryVersion).bytes(path).finish();
}

Result<std::string> decode_directory(std::string_view record) {
  engine::RecordReader reader(record, kDirectoryVersion);
  std::string path(reader.bytes());
  if (!reader.ok()) return std::unexpected(reader.fault("data directory"));
  return path;
}

struct Move {
  std::string from, to;  // end in "/"
};

// True: `path` was in the directory and has its new place now. One that is below the new place already was
// moved by a start that did not come to its end.
bool move(std::string& path, const Move& move) {
  if (!path.starts_with(move.from) || path.starts_with(move.to)) return false;
  path = move.to + path.substr(move.from.size());
  return true;
}

engine::Step move_place(AccountId account, const Move& to) {
  return {account_partition(account), [&to](engine::Transaction& rows) -> Result<void> {
            const Result<std::optional<std::string>> record = rows.get(kFilePlaceKey);
            if (!record) return std::unexpected(record.error());
            Result<FilePlace> place = decode_file_place(record->value_or(""));
            if (!place) return {};  // `store check` tells
            const bool inbox = move(place->inbox, to);
            const bool folders = move(place->folders, to);
            if (inbox || folders) rows.put(kFilePlaceKey, encode(*place));
            return {};
          }};
}

engine::Step note_directory(const std::string& path) {
  return {kStorePartition, [&path](engine::Transaction& rows) -> Result<void> {
            rows.put(kDirectoryKey, encode_directory(path));
            return {};
          }};
}

}  // namespace

Task<Result<std::vector<AccountId>>> MailStore::Impl::accounts_in_files() {
  std::vector<AccountId> found;
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    return reader.scan(engine::hints_partition(), kFilesHint, prefix_end(std::string(kFilesHint)),
                       [&](std::string_view key, std::string_view) {
                         if (key.size() == kFilesHint.size() + 8)
                           found.push_back(engine::read_key_u64(key.substr(kFilesHint.size())));
                         return true;
                       });
  };
  Result<void> done = co_await engine.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(found);
}

Task<Result<void>> MailStore::follow_directory(std::string path) {
  Result<std::optional<std::string>> record =
      co_await impl_->engine.fetch(kStorePartition, std::string(kDirectoryKey));
  if (!record) co_return std::unexpected(record.error());
  const Result<std::string> before = *record ? decode_directory(**record) : Result<std::string>(path);
  if (*record && before && *before == path) co_return Result<void>();
  const Move move{before.value_or(path) + "/", path + "/"};
  std::vector<engine::Step> steps;
  if (move.from != move.to) {
    Result<std::vector<AccountId>> accounts = co_await impl_->accounts_in_files();
    if (!accounts) co_return std::unexpected(accounts.error());
    for (const AccountId account : *accounts) {
      steps.push_back(move_place(account, move));
      if (steps.size() < kPart) continue;
      Result<void> moved = co_await impl_->engine.transact(std::exchange(steps, {}));
      if (!moved) co_return moved;
    }
  }
  steps.push_back(note_directory(path));
  Result<void> done = co_await impl_->engine.transact(std::move(steps));
  co_return done;
}

}  // namespace posthouse::store
