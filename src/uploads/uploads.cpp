#include "uploads/uploads.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>

#include "engine/record.h"
#include "uploads/limits.h"

namespace posthouse::uploads {
namespace {

constexpr uint8_t kVersion = 1;

// One partition for all: "A" account id -> when, size, type. A reader of one account never sees another's
// rows.
constexpr engine::Partition kPartition{engine::PartitionKind::system, 100};

std::string prefix_of(AccountId account) {
  std::string key = "A";
  engine::append_key_u64(key, account);
  return key;
}

std::string key_of(AccountId account, uint64_t id) {
  std::string key = prefix_of(account);
  engine::append_key_u64(key, id);
  return key;
}

std::string behind(AccountId account) {
  return account == UINT64_MAX ? std::string("B") : prefix_of(account + 1);
}

std::string reference_of(AccountId account) {
  return "u" + std::to_string(account);
}

std::string encode(const Upload& upload) {
  engine::RecordWriter out(kVersion);
  out.varint(static_cast<uint64_t>(upload.when.time_since_epoch().count()))
      .varint(upload.size)
      .bytes(upload.type);
  return out.finish();
}

Result<Upload> decode(std::string_view key, std::string_view record) {
  engine::RecordReader in(record, kVersion);
  Upload out;
  out.id = engine::read_key_u64(key.substr(key.size() - 8));
  out.when = SystemTime(std::chrono::milliseconds(static_cast<int64_t>(in.varint())));
  out.size = in.varint();
  out.type = in.bytes();
  if (!in.ok()) return std::unexpected(in.fault("upload"));
  return out;
}

}  // namespace

Task<Result<std::vector<Upload>>> Uploads::all_of(AccountId account) {
  std::vector<Upload> all;
  Result<void> good;
  const std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    all.clear();
    const Result<void> scanned = reader.scan(kPartition, prefix_of(account), behind(account),
                                             [&](std::string_view key, std::string_view value) {
                                               Result<Upload> upload = decode(key, value);
                                               if (!upload) good = std::unexpected(upload.error());
                                               if (upload) all.push_back(std::move(*upload));
                                               return good.has_value();
                                             });
    return good ? scanned : good;
  };
  Result<void> done = co_await engine_.read(look);
  if (!done) co_return std::unexpected(done.error());
  co_return all;
}

Task<Result<void>> Uploads::remove(AccountId account, std::vector<Upload> uploads) {
  if (uploads.empty()) co_return Result<void>();
  std::vector<engine::Step> steps;
  steps.push_back({kPartition, [account, &uploads](engine::Transaction& rows) -> Result<void> {
                     for (const Upload& one : uploads) rows.erase(key_of(account, one.id));
                     return {};
                   }});
  for (const Upload& one : uploads)
    steps.push_back(engine::drop_reference(one.id, reference_of(account), one.size));
  co_return co_await engine_.transact(std::move(steps));
}

Task<Result<void>> Uploads::make_room(AccountId account, uint64_t size) {
  Result<std::vector<Upload>> all = co_await all_of(account);
  if (!all) co_return std::unexpected(all.error());
  size_t number = all->size();
  uint64_t bytes = 0;
  for (const Upload& one : *all) bytes += one.size;
  const auto full = [&] { return number >= kMaxUploads || bytes + size > kMaxUploadBytes; };
  std::vector<Upload> old;
  for (const Upload& one : *all) {  // the oldest first
    if (!full() || clock_.now() - one.when < kSafeFor) break;
    --number;
    bytes -= one.size;
    old.push_back(one);
  }
  if (full()) co_return fail(FaultKind::over_quota, "too much was uploaded and not used");
  co_return co_await remove(account, std::move(old));
}

Task<Result<Upload>> Uploads::keep(AccountId account, Arriving& arriving, std::string type) {
  Upload upload{arriving.id_, clock_.now(), arriving.writer_.size(), std::move(type)};
  if (upload.type.size() > kMaxType) upload.type.resize(kMaxType);
  std::vector<engine::Step> steps;
  steps.push_back(arriving.writer_.seal({reference_of(account)}));
  steps.push_back({kPartition, [account, &upload](engine::Transaction& rows) -> Result<void> {
                     // Others may have come while this one was on its way.
                     size_t number = 0;
                     uint64_t bytes = upload.size;
                     const Result<void> counted =
                         rows.scan(prefix_of(account), behind(account),
                                   [&](std::string_view key, std::string_view value) {
                                     const Result<Upload> other = decode(key, value);
                                     ++number;
                                     if (other) bytes += other->size;
                                     return true;
                                   });
                     if (!counted) return counted;
                     if (number >= kMaxUploads || bytes > kMaxUploadBytes)
                       return fail(FaultKind::over_quota, "too much was uploaded and not used");
                     rows.put(key_of(account, upload.id), encode(upload));
                     return {};
                   }});
  Result<void> done = co_await engine_.transact(std::move(steps));
  if (!done) co_return std::unexpected(done.error());
  co_return upload;
}

Task<Result<Upload>> Uploads::find(AccountId account, uint64_t id) {
  const std::string key = key_of(account, id);
  Result<std::optional<std::string>> record = co_await engine_.fetch(kPartition, key);
  if (!record) co_return std::unexpected(record.error());
  if (!*record) co_return fail(FaultKind::not_found, "there is no such upload");
  co_return decode(key, **record);
}

Task<Result<std::string>> Uploads::read(AccountId account, uint64_t id, uint64_t offset, uint64_t length) {
  Result<Upload> upload = co_await find(account, id);
  if (!upload) co_return std::unexpected(upload.error());
  co_return co_await engine::fetch_blob(engine_, id, offset, length);
}

Task<Result<void>> Uploads::tidy(bool at_start) {
  std::map<AccountId, std::vector<Upload>> old;
  const SystemTime before = clock_.now() - kKeptFor;
  const std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    old.clear();
    return reader.scan(kPartition, "A", "B", [&](std::string_view key, std::string_view value) {
      const Result<Upload> upload = decode(key, value);
      if (upload && upload->when < before) old[engine::read_key_u64(key.substr(1))].push_back(*upload);
      return true;
    });
  };
  Result<void> done = co_await engine_.read(look);
  if (!done) co_return done;
  for (auto& [account, uploads] : old) {
    done = co_await remove(account, std::move(uploads));
    if (!done) co_return done;
  }
  size_t swept = kSweepAtOnce;
  while (swept == kSweepAtOnce) {
    const Result<size_t> some = co_await engine::sweep_blobs(engine_, at_start, kSweepAtOnce);
    if (!some) co_return std::unexpected(some.error());
    swept = *some;
  }
  co_return Result<void>();
}

}  // namespace posthouse::uploads
