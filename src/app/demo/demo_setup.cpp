#include <unistd.h>

#include <filesystem>

#include "app/config/load.h"
#include "app/core/folders.h"
#include "app/demo/demo.h"
#include "app/server/listeners.h"

namespace posthouse::app {
namespace {

struct DemoPort {
  Service service;
  uint16_t offset;
};

constexpr DemoPort kPorts[] = {
    {Service::smtp, 25},   {Service::submission, 587}, {Service::submissions, 465}, {Service::imap, 143},
    {Service::imaps, 993}, {Service::lmtp, 24},        {Service::metrics, 9464}};

// Many clients on one machine are what a demo and its tests are about.
constexpr uint64_t kDemoConnections = 10'000;

}  // namespace

Result<DemoDirectory> DemoDirectory::open(const std::string& named) {
  if (!named.empty()) {
    std::error_code error;
    std::string path = std::filesystem::absolute(named, error).lexically_normal().string();
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    if (auto made = make_directory(path, 0700, nullptr); !made) return std::unexpected(made.error());
    return DemoDirectory(path, false);
  }
  std::error_code error;
  std::string pattern = (std::filesystem::temp_directory_path(error) / "posthouse-demo-XXXXXX").string();
  if (error || mkdtemp(pattern.data()) == nullptr) {
    return fail(FaultKind::io, fmt::format("{}: {}", pattern, std::strerror(errno)));
  }
  return DemoDirectory(pattern, true);
}

DemoDirectory::DemoDirectory(DemoDirectory&& other) noexcept
    : path_(std::move(other.path_)), temporary_(std::exchange(other.temporary_, false)) {}

void DemoDirectory::remove() {
  if (!std::exchange(temporary_, false)) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Result<Config> demo_config(const DemoOptions& options, const std::string& directory) {
  Loaded loaded;
  loaded.config = default_config();
  Config& config = loaded.config;
  std::string domain = options.domain.empty() ? "example.test" : options.domain;
  config.server.hostname = "mail." + domain;
  config.server.default_domain = domain;
  config.server.data_directory = directory + "/data";
  for (const DemoPort& port : kPorts) {
    auto number = static_cast<uint16_t>(options.base_port == 0 ? 0 : options.base_port + port.offset);
    listen_of(config, port.service) = {Endpoint{IpAddress::from_v4(0x7f000001), number}};
  }
  config.auth.plain_without_tls = true;
  config.limits.connections = kDemoConnections;
  config.limits.connections_per_network = kDemoConnections;
  config.limits.imap_sessions_per_account = kDemoConnections;
  config.queue.allow_loopback = true;
  config.log.file = directory + "/posthouse.log";
  if (auto made = make_data_folders(config, nullptr); !made) return std::unexpected(made.error());
  apply_settings(loaded, options.settings);
  if (!loaded.problems.empty()) return fail(FaultKind::syntax, loaded.problems.front().to_string());
  return config;
}

Task<Result<std::vector<std::string>>> make_demo_accounts(Core& core, std::string domain) {
  std::vector<std::string> fresh;
  directory::Domain ours;
  ours.name = domain;
  auto added = co_await core.directory.add_domain(ours);
  if (!added && added.error().kind != FaultKind::exists) co_return std::unexpected(added.error());
  for (size_t i = 0; i < std::size(kDemoNames); ++i) {
    directory::Account account;
    account.address = fmt::format("{}@{}", kDemoNames[i], domain);
    account.admin = i == 0;
    Secret password{std::string(kDemoPassword)};
    auto made = co_await core.directory.add_account(account, password);
    if (!made && made.error().kind == FaultKind::exists) {
      // A demo that was killed in between may have left an account without mailboxes.
      made = co_await core.directory.account(account.address);
    } else if (made) {
      fresh.push_back(account.address);
    }
    if (!made) co_return std::unexpected(made.error());
    auto mailboxes = co_await core.store.create_account(made->id);
    if (!mailboxes) co_return std::unexpected(mailboxes.error());
  }
  co_return fresh;
}

}  // namespace posthouse::app
