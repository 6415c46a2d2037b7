#include "app/backup/restore.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "app/backup/file_accounts.h"
#include "app/config/load.h"
#include "app/core/core.h"
#include "app/core/folders.h"
#include "app/privileges/as_user.h"
#include "net/run_blocking.h"

namespace posthouse::app::backup {
namespace {

namespace fs = std::filesystem;

constexpr const char* kUnfinished = "restoring";  // in the data directory
constexpr const char* kLetters = "letters";       // in it, while accounts with files are put in order
constexpr const char* kNotes = "notes";           // likewise, what there is to tell of them
constexpr const char* kOwnFolders[] = {"keys", "tls"};
constexpr size_t kLargestConfig = 16 << 20;
constexpr size_t kAllLetters = SIZE_MAX;
constexpr uint64_t kPieceOfLetter = 1 << 20;

std::string unfinished(const Config& config) {
  return fmt::format("{}/{}", config.server.data_directory, kUnfinished);
}

Result<void> own(const std::string& path, const std::optional<User>& owner) {
  if (!owner || ::lchown(path.c_str(), owner->uid, owner->gid) == 0) return {};
  return fail(FaultKind::io, fmt::format("{}: {}", path, std::strerror(errno)));
}

const File* config_of(const Catalog& catalog) {
  for (const File& file : catalog.files) {
    if (file.part == Part::config) return &file;
  }
  return nullptr;
}

Result<std::string> text_of(const Repository& repository, const File& file) {
  const std::string path = repository.file(file);
  auto hash = hash_file(path, nullptr);
  if (!hash) return std::unexpected(hash.error());
  if (*hash != file.sha256)
    return fail(FaultKind::corrupt, fmt::format("{} ({}) is damaged; use another backup", path, file.path));
  return read_file(path, kLargestConfig);
}

Result<Config> good_config(Loaded loaded) {
  if (loaded.problems.empty()) return std::move(loaded.config);
  return fail(FaultKind::syntax, loaded.problems.front().to_string());
}

class Restorer {
 public:
  Restorer(const RestoreOptions& options, const Repository& repository, Restored& out)
      : options_(options), repository_(repository), out_(out) {}

  Result<void> run();

 private:
  Result<void> find_config();
  Result<void> clear() const;
  Result<void> copy_files();
  Result<void> copy(const File& file, const std::string& to);
  void restore_outside(const File& file);
  Result<void> copy_letters();
  Result<void> finish();
  Result<void> read_notes();
  Result<void> appear() const;

  const RestoreOptions& options_;
  const Repository& repository_;
  Restored& out_;
  Config config_;
  Config config_before_;  // when the backup was made
  std::optional<PoolFiles> files_;
  std::optional<User> owner_;
  uint64_t done_ = 0;

  void tell(uint64_t bytes) {
    done_ += bytes;
    const uint64_t total = out_.catalog.total() + out_.catalog.file_bytes;
    if (options_.progress) options_.progress(std::min(done_, total), total);
  }
};

Result<void> Restorer::find_config() {
  std::error_code error;
  out_.config_file = fs::absolute(options_.config_file, error).string();
  if (!fs::exists(out_.config_file, error)) {
    const File* file = config_of(out_.catalog);
    if (file == nullptr) return fail(FaultKind::corrupt, "the backup has no configuration");
    auto text = text_of(repository_, *file);
    if (!text) return std::unexpected(text.error());
    auto good = good_config(parse_config(*text, out_.config_file));
    if (!good) return std::unexpected(good.error());
    if (auto empty = check_empty(*good, out_.config_file); !empty) return empty;
    const std::string folder = fs::path(out_.config_file).parent_path().string();
    fs::create_directories(folder, error);
    if (auto written = write_file(out_.config_file, *text, file->mode); !written) return written;
    out_.made_config = true;
  }
  auto config = good_config(load_config(out_.config_file));
  if (!config) return std::unexpected(config.error());
  config_ = std::move(*config);
  config_before_ = config_;
  if (const File* file = config_of(out_.catalog)) {
    auto text = text_of(repository_, *file);
    if (text) config_before_ = parse_config(*text, file->path).config;
  }
  out_.data_directory = config_.server.data_directory;
  return {};
}

// What an earlier restore left, which did not come to its end.
Result<void> Restorer::clear() const {
  std::error_code error;
  const bool begun = fs::exists(unfinished(config_), error);
  if (!begun) return {};
  for (const char* folder : kOwnFolders)
    fs::remove_all(fmt::format("{}/{}", out_.data_directory, folder), error);
  fs::remove_all(unfinished(config_), error);
  if (error) return fail(FaultKind::io, fmt::format("{}: {}", unfinished(config_), error.message()));
  return {};
}

Result<void> Restorer::copy(const File& file, const std::string& to) {
  auto copied =
      copy_file(repository_.file(file), to, file.mode & 0600, [this](uint64_t bytes) { tell(bytes); });
  if (!copied) return std::unexpected(copied.error());
  if (copied->sha256 != file.sha256) {
    return fail(FaultKind::corrupt, fmt::format("{} ({}) is damaged: use another backup (`posthouse backup "
                                                "verify` tells which are whole)",
                                                repository_.file(file), file.path));
  }
  return own(to, owner_);
}

// Never over what is there: it may be newer.
void Restorer::restore_outside(const File& file) {
  std::error_code error;
  if (fs::exists(file.path, error)) return;
  fs::create_directories(fs::path(file.path).parent_path(), error);
  auto copied = copy(file, file.path);
  if (copied) {
    out_.written.push_back(file.path);
  } else {
    out_.warnings.push_back(copied.error().what);
  }
}

Result<void> Restorer::copy_files() {
  Config inside = config_;
  inside.server.data_directory = unfinished(config_);
  std::vector<std::string> folders{unfinished(config_), store_directory(inside)};
  for (const char* folder : kOwnFolders) folders.push_back(fmt::format("{}/{}", unfinished(config_), folder));
  for (const std::string& folder : folders) {
    if (auto made = make_folder(folder, 0700); !made) return made;
    if (auto owned = own(folder, owner_); !owned) return owned;
  }
  for (const File& file : out_.catalog.files) {
    Result<void> done;
    if (file.part == Part::letters) continue;
    if (file.part == Part::store) done = copy(file, fmt::format("{}/{}", store_directory(inside), file.path));
    if (file.part == Part::data) done = copy(file, fmt::format("{}/{}", unfinished(config_), file.path));
    if (file.part == Part::outside) restore_outside(file);
    if (!done) return done;
  }
  for (const std::string& folder : folders) {
    if (auto synced = sync_folder(folder); !synced) return synced;
  }
  return {};
}

// Whom the store belongs to may not see the backup.
Result<void> Restorer::copy_letters() {
  auto files = PoolFiles::of(repository_, out_.catalog);
  if (!files) return std::unexpected(files.error());
  files_ = std::move(*files);
  const std::string folder = fmt::format("{}/{}", unfinished(config_), kLetters);
  if (auto made = make_folder(folder, 0700); !made) return made;
  if (auto owned = own(folder, owner_); !owned) return owned;
  for (const std::string& sha256 : files_->names()) {
    const std::string to = fmt::format("{}/{}", folder, sha256);
    const Pieces pieces = [from = repository_.pool_path(sha256)](uint64_t at) {
      return read_range(from, at, kPieceOfLetter);
    };
    auto copied = write_pieces(to, pieces, [this](uint64_t bytes) { tell(bytes); });
    if (!copied) return std::unexpected(copied.error());
    if (copied->sha256 != sha256)
      return fail(FaultKind::corrupt,
                  fmt::format("{} (letters) is damaged: use another backup (`posthouse backup verify` tells "
                              "which are whole)",
                              repository_.pool_path(sha256)));
    if (auto owned = own(to, owner_); !owned) return owned;
  }
  files_->move_to(folder);
  return {};
}

Task<Result<void>> settle_queue(queue::Queue& queue, Queued what) {
  queue::Filter all;
  all.most = kAllLetters;
  if (what == Queued::keep) co_return Result<void>();
  Result<size_t> done = size_t{0};
  if (what == Queued::hold) {
    done = co_await queue.hold(all);
  } else {
    done = co_await queue.remove(all);
  }
  if (!done) co_return std::unexpected(done.error());
  co_return Result<void>();
}

// See docs/formats/backup.md for why.
Task<Result<void>> settle_store(Core& core, Queued what, bool latest) {
  auto settled = co_await core.settle_rows();
  if (!settled) co_return settled;
  auto queued = co_await settle_queue(core.queue, what);
  if (!queued || latest) co_return queued;
  auto accounts = co_await core.directory.accounts("");
  if (!accounts) co_return std::unexpected(accounts.error());
  for (const auto& account : *accounts) {
    auto renewed = co_await core.store.renew_validity(account.id);
    if (!renewed) co_return renewed;
  }
  co_return Result<void>();
}

// The places of files are those of the real data directory.
Result<void> Restorer::finish() {
  Config inside = config_;
  inside.server.data_directory = unfinished(config_);
  const FilePlaces places(config_);
  inside.store.maildir = places.maildir;
  inside.store.mbox_inbox = places.mbox_inbox;
  inside.store.mbox_folders = places.mbox_folders;
  auto settle = [&]() -> Result<void> {
    auto core = Core::open(inside);
    if (!core) return std::unexpected(core.error());
    auto settled = net::run_blocking(settle_store(**core, options_.queued, options_.latest));
    if (!settled) return settled;
    std::vector<std::string> notes;
    auto restored = net::run_blocking(restore_file_accounts(**core, *files_, config_before_, notes));
    if (!restored) return restored;
    return write_file(fmt::format("{}/{}", unfinished(config_), kNotes),
                      fmt::format("{}", fmt::join(notes, "\n")), 0600);
  };
  if (auto settled = owner_ ? as_user(*owner_, settle) : settle(); !settled) return settled;
  return read_notes();
}

// It may have been another process that wrote them.
Result<void> Restorer::read_notes() {
  auto text = read_file(fmt::format("{}/{}", unfinished(config_), kNotes), kLargestConfig);
  if (!text) return std::unexpected(text.error());
  std::string_view rest = *text;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    out_.warnings.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

// The store last: with it the restore is complete.
Result<void> Restorer::appear() const {
  for (const char* folder : {"keys", "tls", "store"}) {
    const std::string from = fmt::format("{}/{}", unfinished(config_), folder);
    const std::string to = fmt::format("{}/{}", out_.data_directory, folder);
    if (::rename(from.c_str(), to.c_str()) != 0)
      return fail(FaultKind::io, fmt::format("{}: {}", to, std::strerror(errno)));
    if (auto synced = sync_folder(out_.data_directory); !synced) return synced;
  }
  std::error_code error;
  fs::remove_all(unfinished(config_), error);
  return {};
}

Result<void> Restorer::run() {
  if (auto found = find_config(); !found) return found;
  if (auto empty = check_empty(config_, out_.config_file); !empty) return empty;
  auto owner = owner_of_data(config_);
  if (!owner) return std::unexpected(owner.error());
  owner_ = *owner;
  if (auto made = make_directory(out_.data_directory, 0700, owner_ ? &*owner_ : nullptr); !made) return made;
  if (auto cleared = clear(); !cleared) return cleared;
  if (auto copied = copy_files(); !copied) return copied;
  if (auto copied = copy_letters(); !copied) return copied;
  if (auto finished = finish(); !finished) return finished;
  return appear();
}

}  // namespace

Result<Config> config_for(const Repository& repository, const Catalog& catalog,
                          const std::string& config_file) {
  std::error_code error;
  if (fs::exists(config_file, error)) return good_config(load_config(config_file));
  const File* file = config_of(catalog);
  if (file == nullptr) return fail(FaultKind::corrupt, "the backup has no configuration");
  auto text = text_of(repository, *file);
  if (!text) return std::unexpected(text.error());
  return good_config(parse_config(*text, config_file));
}

Result<void> check_empty(const Config& config, const std::string& config_file) {
  std::error_code error;
  const std::string& folder = config.server.data_directory;
  const bool begun = fs::exists(unfinished(config), error) && !fs::exists(store_directory(config), error);
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    bool expected = name == "lost+found" || fs::equivalent(entry.path(), config_file, error);
    // Folders that commands have made which found no store.
    expected = expected || (entry.is_directory(error) && fs::is_empty(entry.path(), error));
    if (begun) expected = expected || name == kUnfinished || name == "keys" || name == "tls";
    if (expected) continue;
    return fail(
        FaultKind::exists,
        fmt::format("{}: everything is restored into an empty folder only, and there is {} in it; to put "
                    "single letters back into a store use --account",
                    folder, name));
  }
  return {};
}

Result<Restored> restore_all(const RestoreOptions& options) {
  auto repository = Repository::open(options.directory);
  if (!repository) return std::unexpected(repository.error());
  Restored out;
  auto catalog = repository->find(options.id);
  if (!catalog) return std::unexpected(catalog.error());
  out.catalog = std::move(*catalog);
  if (options.latest && out.catalog.running) {
    return fail(FaultKind::policy,
                "--latest: this backup was made while the server ran, so letters may have "
                "come after it; only one that was made with the server stopped can be the "
                "last state");
  }
  auto done = Restorer(options, *repository, out).run();
  if (!done) return std::unexpected(done.error());
  for (const LostLetter& letter : out.catalog.lost)
    out.warnings.push_back(letter.line() + ": its body was lost before the backup was made");
  if (out.catalog.lost_more != 0)
    out.warnings.push_back(fmt::format("and {} letters more", out.catalog.lost_more));
  return out;
}

}  // namespace posthouse::app::backup
