#include "app/backup/opened.h"

#include <cstdlib>
#include <filesystem>

#include "net/run_blocking.h"

namespace posthouse::app::backup {
namespace {

namespace fs = std::filesystem;

Result<std::string> make_scratch() {
  std::error_code error;
  std::string pattern = (fs::temp_directory_path(error) / "posthouse-backup-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr)
    return fail(FaultKind::io, fmt::format("{}: {}", pattern, std::strerror(errno)));
  return pattern;
}

Task<Result<Opened::Counts>> count_all(Core& core) {
  Opened::Counts out;
  auto accounts = co_await core.directory.accounts("");
  if (!accounts) co_return std::unexpected(accounts.error());
  out.accounts = accounts->size();
  for (const auto& account : *accounts) {
    auto mailboxes = co_await core.store.mailboxes(account.id);
    if (!mailboxes) co_return std::unexpected(mailboxes.error());
    out.mailboxes += mailboxes->size();
    for (const auto& mailbox : *mailboxes) {
      out.messages += mailbox.exists;
      out.bytes += mailbox.bytes;
    }
  }
  auto totals = co_await core.queue.totals();
  if (!totals) co_return std::unexpected(totals.error());
  out.queued = totals->letters;
  co_return out;
}

}  // namespace

Result<std::unique_ptr<Opened>> Opened::open_links(const Links& links, const Config& config,
                                                   std::optional<PoolFiles> files) {
  auto scratch = make_scratch();
  if (!scratch) return std::unexpected(scratch.error());
  std::unique_ptr<Opened> out(new Opened(*scratch));
  Config inside = config;
  inside.server.data_directory = *scratch;
  std::error_code error;
  fs::create_directories(store_directory(inside), error);
  for (const auto& [name, file] : links) {
    fs::create_symlink(file, fs::path(store_directory(inside)) / name, error);
    if (error) return fail(FaultKind::io, fmt::format("{}: {}", *scratch, error.message()));
  }
  auto core = Core::open(inside, Core::Store::read_only);
  if (!core) return std::unexpected(core.error());
  out->core_ = std::move(*core);
  out->files_ = std::move(files);
  if (out->files_) out->core_->store.use_files(&*out->files_);
  return out;
}

Result<Opened::Links> Opened::links_of(const Repository& repository, const Catalog& catalog) {
  Links links;
  for (const File& file : catalog.files) {
    if (file.part != Part::store) continue;
    if (!repository.has(file)) {
      return fail(FaultKind::corrupt,
                  fmt::format("{}: missing, or cut off; `posthouse backup verify` tells more",
                              repository.file(file)));
    }
    links.emplace_back(file.path, repository.file(file));
  }
  return links;
}

Result<std::unique_ptr<Opened>> Opened::open(const Repository& repository, const Catalog& catalog,
                                             const Config& config) {
  auto links = links_of(repository, catalog);
  if (!links) return std::unexpected(links.error());
  auto files = PoolFiles::of(repository, catalog);
  if (!files) return std::unexpected(files.error());
  return open_links(*links, config, std::move(*files));
}

Result<std::unique_ptr<Opened>> Opened::open_index(const Repository& repository, const Catalog& catalog,
                                                   const Config& config) {
  auto links = links_of(repository, catalog);
  if (!links) return std::unexpected(links.error());
  return open_links(*links, config, std::nullopt);
}

Result<std::unique_ptr<Opened>> Opened::open_snapshot(const std::string& folder, const Config& config) {
  Links links;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && name != "LOCK") links.emplace_back(name, entry.path().string());
  }
  if (error) return fail(FaultKind::io, fmt::format("{}: {}", folder, error.message()));
  return open_links(links, config, std::nullopt);
}

Opened::~Opened() {
  core_.reset();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

Result<Opened::Counts> Opened::count() {
  return net::run_blocking(count_all(*core_));
}

}  // namespace posthouse::app::backup
