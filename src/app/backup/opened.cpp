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

Result<std::unique_ptr<Opened>> Opened::open(const Repository& repository, const Catalog& catalog,
                                             const Config& config) {
  auto scratch = make_scratch();
  if (!scratch) return std::unexpected(scratch.error());
  std::unique_ptr<Opened> out(new Opened(*scratch));
  Config inside = config;
  inside.server.data_directory = *scratch;
  std::error_code error;
  fs::create_directories(store_directory(inside), error);
  for (const File& file : catalog.files) {
    if (file.part != Part::store) continue;
    if (!repository.has(file)) {
      return fail(FaultKind::not_found,
                  fmt::format("{}: missing, or cut off; `posthouse backup verify` tells more",
                              repository.file(file)));
    }
    fs::create_symlink(repository.file(file), fs::path(store_directory(inside)) / file.path, error);
    if (error) return fail(FaultKind::io, fmt::format("{}: {}", *scratch, error.message()));
  }
  auto core = Core::open(inside, Core::Store::read_only);
  if (!core) return std::unexpected(core.error());
  out->core_ = std::move(*core);
  return out;
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
