#include "app/backup/pool_files.h"

#include <algorithm>
#include <set>

#include "app/backup/copying.h"
#include "app/backup/hashing.h"

namespace posthouse::app::backup {

Result<PoolFiles> PoolFiles::of(const Repository& repository, const Catalog& catalog) {
  PoolFiles out;
  for (const File& file : catalog.files) {
    if (file.part != Part::letters) continue;
    const auto place = parse_list_path(file.path);
    if (!place) return fail(FaultKind::corrupt, file.path + ": not the place of a list of letters");
    auto letters = repository.letters(file);
    if (!letters) return std::unexpected(letters.error());
    out.lists_.emplace(*place, std::move(*letters));
  }
  out.path_of_ = [&repository](const std::string& sha256) { return repository.pool_path(sha256); };
  return out;
}

bool PoolFiles::has(store::AccountId account) const {
  const auto first = lists_.lower_bound(ListPlace{account, 0});
  return first != lists_.end() && first->first.account == account;
}

Result<const ListedLetter*> PoolFiles::find(store::AccountId account, store::MailboxId mailbox,
                                            store::Uid uid) const {
  const auto list = lists_.find(ListPlace{account, mailbox});
  if (list != lists_.end()) {
    const auto at = std::ranges::lower_bound(list->second, uid, {}, &ListedLetter::uid);
    if (at != list->second.end() && at->uid == uid && !at->sha256.empty()) return &*at;
  }
  return fail(FaultKind::not_found, "the backup does not have this letter");
}

Result<void> PoolFiles::check(const ListedLetter& letter) const {
  const std::string path = path_of_(letter.pool_name());
  Result<std::string> hash = std::string();
  if (letter.pack) {
    const auto bytes = read_range(path, letter.offset, letter.size);
    hash = bytes ? sha256(*bytes) : Result<std::string>(std::unexpected(bytes.error()));
  } else {
    hash = hash_file(path, nullptr);
  }
  if (!hash) return fail(FaultKind::corrupt, hash.error().what);
  if (*hash == letter.sha256) return {};
  return fail(FaultKind::corrupt, path + ": its contents have changed");
}

void PoolFiles::for_each(const std::function<void(const ListedLetter&)>& visit) const {
  for (const auto& [place, letters] : lists_) {
    for (const ListedLetter& letter : letters) {
      if (!letter.sha256.empty()) visit(letter);
    }
  }
}

std::vector<std::string> PoolFiles::names() const {
  std::set<std::string> out;
  for_each([&out](const ListedLetter& letter) { out.insert(letter.pool_name()); });
  return {out.begin(), out.end()};
}

void PoolFiles::move_to(const std::string& folder) {
  path_of_ = [folder](const std::string& sha256) { return fmt::format("{}/{}", folder, sha256); };
}

Task<Result<void>> PoolFiles::leave(store::AccountId, std::function<Task<Result<void>>()> last) {
  Result<void> done = co_await last();
  co_return done;
}

Task<Result<void>> PoolFiles::carry_out(store::AccountId) {
  co_return Result<void>();
}

Task<Result<void>> PoolFiles::look(store::AccountId) {
  co_return Result<void>();
}

Task<Result<void>> PoolFiles::look(store::AccountId, store::MailboxId) {
  co_return Result<void>();
}

Task<Result<std::string>> PoolFiles::read(store::AccountId account, store::MailboxId mailbox, store::Uid uid,
                                          uint64_t offset, uint64_t length) {
  const Result<const ListedLetter*> letter = find(account, mailbox, uid);
  if (!letter) co_return std::unexpected(letter.error());
  if (offset >= (*letter)->size) co_return std::string();
  const ListedLetter& there = **letter;
  co_return read_range(path_of_(there.pool_name()), there.offset + offset,
                       std::min(length, there.size - offset));
}

}  // namespace posthouse::app::backup
