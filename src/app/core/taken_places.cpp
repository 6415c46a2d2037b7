#include "app/core/taken_places.h"

#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include "store/file_rows.h"
#include "store/rows.h"

namespace posthouse::app {
namespace {

constexpr size_t kTogether = 1'000;       // accounts looked up at once
constexpr size_t kFoldersKnown = 10'000;  // whose links were followed

// Paths by which files are told apart: those of one folder of all domains follow its links once.
class Resolver {
 public:
  std::vector<std::string> paths_of(const store::FilePlace& place) {
    std::vector<std::string> out;
    for (const std::string& path : {place.inbox, place.folders}) {
      if (!path.empty()) out.push_back(resolved(path));
    }
    return out;
  }

 private:
  std::string resolved(const std::string& given) {
    namespace fs = std::filesystem;
    const fs::path path = fs::path(given + "/.").lexically_normal().parent_path();
    const std::string parent = path.parent_path().string();
    auto known = folders_.find(parent);
    if (known == folders_.end()) {
      if (folders_.size() >= kFoldersKnown) folders_.clear();
      std::error_code error;
      fs::path followed = fs::weakly_canonical(parent, error);
      known = folders_.emplace(parent, error ? parent : followed.string()).first;
    }
    return (fs::path(known->second) / path.filename()).string();
  }

  std::unordered_map<std::string, std::string> folders_;
};

std::vector<std::string> paths_of(const store::FilePlace& place) {
  return Resolver().paths_of(place);
}

}  // namespace

TakenPlaces::Hold::Hold(Hold&& other) noexcept
    : from_(std::exchange(other.from_, nullptr)),
      paths_(std::move(other.paths_)),
      mark_(std::move(other.mark_)) {}

TakenPlaces::Hold::~Hold() {
  if (from_ != nullptr) from_->settle(*this, std::nullopt);
}

void TakenPlaces::Hold::keep(store::AccountId account) {
  if (from_ != nullptr) from_->settle(*this, account);
  from_ = nullptr;
}

void TakenPlaces::settle(const Hold& hold, std::optional<store::AccountId> kept) {
  const std::lock_guard lock(mutex_);
  for (const std::string& path : hold.paths_) {
    auto [at, end] = users_.equal_range(path);
    while (at != end) {
      const bool ours = at->second.making == hold.mark_;
      if (ours && !kept) {
        at = users_.erase(at);
        continue;
      }
      if (ours) at->second = {*kept, nullptr};
      ++at;
    }
  }
}

// On a reading thread: a folder may be on a slow disk.
Task<Result<void>> TakenPlaces::learn_some(std::vector<store::AccountId> some) {
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    Resolver resolver;
    for (const store::AccountId account : some) {
      auto row = reader.get(store::account_partition(account), store::kFilePlaceKey);
      if (!row) return std::unexpected(row.error());
      if (!*row) continue;
      auto place = store::decode_file_place(**row);
      if (!place) continue;  // the check tells it
      for (std::string& path : resolver.paths_of(*place)) {
        const std::lock_guard lock(mutex_);
        users_.emplace(std::move(path), User{account, nullptr});
      }
    }
    return {};
  };
  co_return co_await engine_.read(std::move(look));
}

Task<Result<void>> TakenPlaces::learn() {
  if (learned_) co_return Result<void>();
  const std::vector<store::AccountId> all = mirror_.kept();
  for (size_t at = 0; at < all.size(); at += kTogether) {
    const auto begin = all.begin() + static_cast<ptrdiff_t>(at);
    std::vector<store::AccountId> some(begin,
                                       begin + static_cast<ptrdiff_t>(std::min(kTogether, all.size() - at)));
    auto done = co_await learn_some(std::move(some));
    if (!done) co_return done;
  }
  // Those that are between two formats of files go on by themselves, to where they were told to go.
  auto moving = co_await store_.conversions();
  if (!moving) co_return std::unexpected(moving.error());
  for (const auto& one : *moving) {
    if (!one.place) continue;
    for (std::string& path : paths_of(*one.place)) {
      const std::lock_guard lock(mutex_);
      users_.emplace(std::move(path), User{one.account, nullptr});
    }
  }
  learned_ = true;
  co_return Result<void>();
}

// The same path, one above it, or one below it.
std::optional<TakenPlaces::Clash> TakenPlaces::find_clash(const std::vector<std::string>& paths,
                                                          store::AccountId account) const {
  const std::lock_guard lock(mutex_);
  const auto is_other = [&](const auto& entry) { return account == 0 || entry.second.account != account; };
  for (const std::string& path : paths) {
    for (size_t end = path.size(); end != 0 && end != std::string::npos; end = path.rfind('/', end - 1)) {
      const auto [at, behind] = users_.equal_range(path.substr(0, end));
      const auto other = std::find_if(at, behind, is_other);
      if (other != behind) return Clash{path, other->first, other->second};
    }
    const std::string below = path + "/";
    for (auto at = users_.lower_bound(below); at != users_.end() && at->first.starts_with(below); ++at) {
      if (is_other(*at)) return Clash{path, at->first, at->second};
    }
  }
  return std::nullopt;
}

Task<Result<bool>> TakenPlaces::still_has(store::AccountId account, std::string path) {
  std::vector<store::FilePlace> places;
  auto now = co_await store_.place(account);
  if (!now) co_return std::unexpected(now.error());
  places.push_back(std::move(*now));
  auto moving = co_await store_.conversions();
  if (!moving) co_return std::unexpected(moving.error());
  for (const auto& one : *moving) {
    if (one.account == account && one.place) places.push_back(*one.place);
  }
  for (const store::FilePlace& place : places) {
    const std::vector<std::string> paths = paths_of(place);
    if (std::ranges::find(paths, path) != paths.end()) co_return true;
  }
  co_return false;
}

void TakenPlaces::forget(const Clash& clash) {
  const std::lock_guard lock(mutex_);
  auto [at, end] = users_.equal_range(clash.of);
  while (at != end) at = at->second.account == clash.user.account ? users_.erase(at) : std::next(at);
}

Task<Result<TakenPlaces::Hold>> TakenPlaces::take(store::FilePlace place, store::AccountId account,
                                                  std::string address) {
  Hold out;
  if (place.format == store::Format::database) co_return out;
  const Turnstile::Turn turn = co_await turns_.take();
  auto learned = co_await learn();
  if (!learned) co_return std::unexpected(learned.error());
  std::function<Result<void>(const engine::Reader&)> resolve = [&](const engine::Reader&) -> Result<void> {
    out.paths_ = paths_of(place);
    return {};
  };
  auto resolved = co_await engine_.read(std::move(resolve));
  if (!resolved) co_return std::unexpected(resolved.error());
  while (auto clash = find_clash(out.paths_, account)) {
    std::string other = clash->user.making ? *clash->user.making : std::string();
    if (other.empty()) {
      auto still = co_await still_has(clash->user.account, clash->of);
      if (!still) co_return std::unexpected(still.error());
      if (!*still) {
        forget(*clash);
        continue;
      }
      auto known = co_await directory_.account(clash->user.account);
      other = known ? known->address : fmt::format("the account with the number {}", clash->user.account);
    }
    const std::string where = clash->of == clash->path ? "" : " in " + clash->of;
    co_return fail(
        FaultKind::exists,
        fmt::format("{}: {} keeps its letters there{}, and each account needs files of its own: see "
                    "store.maildir, store.mbox_inbox and store.mbox_folders",
                    clash->path, other, where));
  }
  out.from_ = this;
  out.mark_ = std::make_shared<const std::string>(std::move(address));
  const std::lock_guard lock(mutex_);
  for (const std::string& path : out.paths_) users_.emplace(path, User{account, out.mark_});
  co_return out;
}

}  // namespace posthouse::app
