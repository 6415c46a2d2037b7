#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "app/config/host_name.h"
#include "app/config/load.h"
#include "app/core/folders.h"
#include "app/demo/demo.h"
#include "app/server/listeners.h"
#include "directory/password.h"

namespace posthouse::app {
namespace {

struct DemoPort {
  Service service;
  uint16_t offset;
};

constexpr DemoPort kPorts[] = {{Service::smtp, 25},   {Service::submission, 587}, {Service::submissions, 465},
                               {Service::imap, 143},  {Service::imaps, 993},      {Service::pop3, 110},
                               {Service::pop3s, 995}, {Service::http, 80},        {Service::https, 443},
                               {Service::lmtp, 24},   {Service::metrics, 9464}};

// Many clients on one machine are what a demo and its tests are about.
constexpr uint64_t kDemoConnections = 10'000;

// The path of the control socket is too long because the folder's is, unless a setting names another.
std::string first_problem(const Loaded& loaded) {
  const ConfigProblem& problem = loaded.problems.front();
  bool by_folder = problem.key == "server.control_socket" &&
                   !loaded.places.contains("server.control_socket") &&
                   !loaded.places.contains("server.data_directory");
  return by_folder ? "--dir: expected a folder with a shorter path: " + problem.what : problem.to_string();
}

constexpr int kLockTries = 20;
constexpr milliseconds kLockPause{50};
constexpr const char* kMark = "/.posthouse-demo";

std::string first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// Folders of older demos have no mark, but the configuration that a demo writes.
Result<void> check_it_is_a_demo(const std::string& path) {
  std::error_code error;
  if (std::filesystem::exists(path + kMark, error)) return {};
  const std::string config = path + "/posthouse.toml";
  bool config_there = std::filesystem::exists(config, error);
  bool data_there = std::filesystem::exists(path + "/data", error);
  if (config_there ? is_demo_config(config) : !data_there) return {};
  return fail(FaultKind::exists,
              fmt::format("{} was not made by a demo; nothing was changed. Name another folder", path));
}

}  // namespace

bool is_demo_config(const std::string& path) {
  return first_line(path) == kDemoHeadline;
}

Result<DemoDirectory> DemoDirectory::open(const std::string& named) {
  if (!named.empty()) {
    std::error_code error;
    std::string path = std::filesystem::absolute(named, error).lexically_normal().string();
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    if (auto made = make_directory(path, 0700, nullptr); !made) return std::unexpected(made.error());
    if (auto ours = check_it_is_a_demo(path); !ours) return std::unexpected(ours.error());
    DemoDirectory out(path, false);
    out.lock_ = ::open((path + kMark).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (out.lock_ < 0) return fail(FaultKind::io, fmt::format("{}{}: {}", path, kMark, std::strerror(errno)));
    for (int tries = 0; tries < kLockTries; ++tries) {
      if (::flock(out.lock_, LOCK_EX | LOCK_NB) == 0) return out;
      std::this_thread::sleep_for(kLockPause);  // a demo that is being killed lets go in a moment
    }
    return fail(FaultKind::temporary, fmt::format("another demo runs in {}", path));
  }
  std::error_code error;
  std::string pattern = (std::filesystem::temp_directory_path(error) / "posthouse-demo-XXXXXX").string();
  if (error || mkdtemp(pattern.data()) == nullptr) {
    return fail(FaultKind::io, fmt::format("{}: {}", pattern, std::strerror(errno)));
  }
  return DemoDirectory(pattern, true);
}

DemoDirectory::DemoDirectory(DemoDirectory&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, false)),
      lock_(std::exchange(other.lock_, -1)) {}

DemoDirectory::~DemoDirectory() {
  remove();
  if (lock_ >= 0) ::close(lock_);
}

void DemoDirectory::remove() {
  if (!std::exchange(temporary_, false)) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Result<Config> demo_config(const DemoOptions& options, const std::string& directory) {
  Loaded loaded;
  loaded.config = default_config();
  Config& config = loaded.config;
  auto domain = host_name(options.domain.empty() ? "example.test" : options.domain);
  if (!domain) return fail(FaultKind::syntax, "--local-domain: " + domain.error().what);
  config.server.hostname = "mail." + *domain;
  config.server.default_domain = *domain;
  config.server.data_directory = directory + "/data";
  for (const DemoPort& port : kPorts) {
    auto number = static_cast<uint16_t>(options.base_port == 0 ? 0 : options.base_port + port.offset);
    listen_of(config, port.service) = {Endpoint{IpAddress::from_v4(0x7f000001), number}};
  }
  config.auth.plain_without_tls = true;
  config.limits.connections = kDemoConnections;
  config.limits.connections_per_network = kDemoConnections;
  config.limits.imap_connections_per_network = kDemoConnections;
  config.limits.http_connections_per_network = kDemoConnections;
  config.limits.imap_sessions_per_account = kDemoConnections;
  config.queue.allow_loopback = true;
  config.log.file = directory + "/posthouse.log";
  apply_settings(loaded, options.settings);
  if (!loaded.problems.empty()) return fail(FaultKind::syntax, first_problem(loaded));
  if (auto made = make_data_folders(config, nullptr); !made) return std::unexpected(made.error());
  return config;
}

namespace {

// By the keys of SCRAM: a login would count as a failed one. Keys that were made up for want of others fit
// nothing.
Task<Result<bool>> has_demo_password(Core& core, std::string address) {
  auto keys = co_await core.directory.scram_keys(address, "imap");
  if (!keys) co_return std::unexpected(keys.error());
  directory::Credential ours;
  ours.iterations = keys->iterations;
  ours.salt = keys->salt;
  Secret password{std::string(kDemoPassword)};
  auto derived = directory::derive_scram_keys(ours, password);
  if (!derived) co_return std::unexpected(derived.error());
  co_return ours.stored_key == keys->stored_key;
}

Task<Result<DemoAccount>> make_demo_account(Core& core, std::string address, bool admin,
                                            std::string_view format) {
  directory::Account account;
  account.address = address;
  account.admin = admin;
  Secret password{std::string(kDemoPassword)};
  auto made = co_await core.directory.add_account(account, password);
  DemoAccount out{address, made.has_value(), true};
  if (!made && made.error().kind == FaultKind::exists) {
    // A demo that was killed in between may have left an account without mailboxes.
    made = co_await core.directory.account(address);
    auto known = co_await has_demo_password(core, address);
    if (!known) co_return std::unexpected(known.error());
    out.password_known = *known;
  }
  if (!made) co_return std::unexpected(made.error());
  auto place = core.places.of(format, address);
  if (!place) co_return std::unexpected(place.error());
  auto held = co_await core.taken_places.take(*place, made->id, made->address);
  if (!held) co_return std::unexpected(held.error());
  auto mailboxes = co_await core.store.create_account(made->id, group_of(made->address), *place);
  if (!mailboxes) co_return std::unexpected(mailboxes.error());
  held->keep(made->id);
  co_return out;
}

}  // namespace

Task<Result<std::vector<DemoAccount>>> make_demo_accounts(Core& core, std::string domain) {
  std::vector<DemoAccount> out;
  directory::Domain ours;
  ours.name = domain;
  auto added = co_await core.directory.add_domain(ours);
  if (!added && added.error().kind != FaultKind::exists) co_return std::unexpected(added.error());
  for (size_t i = 0; i < std::size(kDemoNames); ++i) {
    std::string address = fmt::format("{}@{}", kDemoNames[i].name, domain);
    auto account = co_await make_demo_account(core, std::move(address), i == 0, kDemoNames[i].format);
    if (!account) co_return std::unexpected(account.error());
    out.push_back(std::move(*account));
  }
  co_return out;
}

}  // namespace posthouse::app
