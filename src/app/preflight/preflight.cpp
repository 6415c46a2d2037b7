#include "app/preflight/preflight.h"

#include <unistd.h>

#include <filesystem>
#include <functional>

#include "app/config/blame.h"
#include "app/config/options.h"
#include "app/config/units.h"
#include "app/core/core.h"
#include "app/core/folders.h"
#include "app/preflight/usable.h"
#include "app/privileges/as_user.h"
#include "app/server/listeners.h"
#include "app/server/protocols.h"
#include "net/socket.h"
#include "net/tls.h"
#include "net/unbound_resolver.h"

namespace posthouse::app {
namespace {

using Work = std::function<Result<void>()>;

class Survey {
 public:
  Survey(Loaded& loaded, bool rights_known, Serving serving)
      : loaded_(loaded), config_(loaded.config), rights_known_(rights_known), serving_(serving) {}

  void all() {
    who_serves();
    data_directory();
    control_socket();
    certificates();
    authorities();
    smarthost_password();
    token_secret();
    trust_anchor();
    log_file();
    reserve();
  }

 private:
  void add(const Fault& fault) { loaded_.problems.push_back(*loaded_.problem_of(fault)); }

  void who_serves() {
    if (serving_ == Serving::demo && is_root() && config_.server.user.empty()) {
      loaded_.warnings.push_back(loaded_.problem_with(
          "server.user",
          "a demo runs as whoever starts it; `posthouse serve` needs a user when root starts it"));
      return;
    }
    auto user = user_to_become(config_);
    if (!user) {
      add(user.error());
      rights_known_ = false;
      return;
    }
    user_ = *user;
    if (is_root() || config_.server.user.empty()) return;
    auto named = find_user(config_.server.user);
    rights_known_ = rights_known_ && named && named->uid == geteuid();
  }

  // What root may do tells nothing of what server.user may, nor what another user may who only looks.
  Result<void> as_who_serves(const Work& look) const {
    auto seen = user_ ? as_user(*user_, look) : look();
    if (!seen && seen.error().kind == FaultKind::policy && !rights_known_) return {};
    return seen;
  }

  void check(std::string_view key, std::string_view expected, const Work& look) {
    auto seen = as_who_serves(look);
    if (!seen) add(key, expected, seen.error());
  }
  void add(std::string_view key, std::string_view expected, const Fault& seen) {
    add(blame(key, {seen.kind, fmt::format("expected {}, but {}", expected, seen.what)}).error());
  }

  // Root makes it when it is not there, and what is made in it; who serves works in it.
  void data_directory() {
    const char* key = "server.data_directory";
    const char* expected = "a folder to work in";
    const std::string& path = config_.server.data_directory;
    const std::string parts[] = {path, store_directory(config_), run_directory(config_),
                                 key_directory(config_), path + "/tls"};
    auto seen = as_who_serves([&]() -> Result<void> {
      for (const std::string& part : parts) {
        if (auto good = user_ ? reachable_folder(part) : usable_folder(part); !good) return good;
      }
      return {};
    });
    if (seen && user_) seen = usable_folder(path);
    if (!seen) add(key, expected, seen.error());
  }

  void control_socket() {
    if (config_.server.control_socket.empty()) return;
    std::string folder = std::filesystem::path(config_.server.control_socket).parent_path().string();
    bool made_at_start = folder == config_.server.data_directory || folder == run_directory(config_);
    check("server.control_socket", "a place for a socket", [&]() -> Result<void> {
      if (made_at_start && ::access(folder.c_str(), F_OK) != 0) return {};
      return usable_socket(config_.server.control_socket);
    });
  }

  void certificates() {
    check("tls.certificates", "certificates in PEM with their keys", [&]() -> Result<void> {
      for (const CertificateFiles& files : config_.tls.certificates) {
        for (const std::string& file : {files.chain, files.key}) {
          if (auto good = readable_file(file); !good) return good;
        }
      }
      return check_certificates(config_);
    });
  }

  void authorities() {
    const std::string& path = config_.tls.ca_file;
    if (path.empty()) return;
    check("tls.ca_file", "certificates in PEM", [&]() -> Result<void> {
      if (auto good = readable_file(path); !good) return good;
      auto context = net::TlsContext::client(true, path);
      if (!context) return std::unexpected(context.error());
      return {};
    });
  }

  void smarthost_password() {
    if (config_.smarthost.host.empty() || config_.smarthost.user.empty()) return;
    password_file("smarthost.password_file", config_.smarthost.password_file);
  }

  void token_secret() {
    if (config_.oauth.introspection_url.empty() || config_.oauth.client_secret_file.empty()) return;
    password_file("oauth.client_secret_file", config_.oauth.client_secret_file);
  }

  void password_file(const char* key, const std::string& path) {
    check(key, "a file with a password in its first line", [&]() -> Result<void> {
      if (auto good = readable_file(path); !good) return good;
      auto password = read_first_line(path);
      if (!password) return std::unexpected(password.error());
      return {};
    });
    if (open_to_all(path)) {
      loaded_.warnings.push_back(loaded_.problem_with(
          key, fmt::format("expected a file of the server's user alone, but everybody can read {}", path)));
    }
  }

  void trust_anchor() {
    const std::string& path = config_.resolver.trust_anchor;
    if (path.empty()) return;
    check("resolver.trust_anchor", "a file with the DNSSEC root key", [&]() -> Result<void> {
      if (auto good = readable_file(path); !good) return good;
      net::UnboundOptions options;
      options.recursive = true;
      options.trust_anchor_file = path;
      return net::check_unbound_options(options);
    });
  }

  void log_file() {
    const std::string& path = config_.log.file;
    if (path.empty()) return;
    check("log.file", "a file to write to", [&]() -> Result<void> {
      // The data directory may be yet to be made, by root.
      bool inside = path.starts_with(config_.server.data_directory + "/");
      if (inside && ::access(config_.server.data_directory.c_str(), F_OK) != 0) return {};
      return writable_file(path);
    });
  }

  void reserve() {
    uint64_t size = disk_size(config_.server.data_directory);
    if (size == 0 || config_.store.reserve < size) return;
    constexpr uint64_t kMiB = 1 << 20;
    add({FaultKind::no_space,
         fmt::format("store.reserve: expected less than the {} that the disk of {} has, not {}",
                     format_size(size / kMiB * kMiB), config_.server.data_directory,
                     format_size(config_.store.reserve))});
  }

  Loaded& loaded_;
  const Config& config_;
  std::optional<User> user_;  // whom root becomes
  bool rights_known_;
  Serving serving_;
};

}  // namespace

void check_surroundings(Loaded& loaded, Serving serving) {
  Survey(loaded, true, serving).all();
}

void check_store(Loaded& loaded) {
  if (auto there = find_store(loaded.config); !there)
    loaded.warnings.push_back(*loaded.problem_of(there.error()));
}

void check_changes(Loaded& fresh, const Config& now) {
  Survey(fresh, false, Serving::server).all();
  check_user(fresh);
  check_addresses(fresh);
  std::erase_if(fresh.problems, [&](const ConfigProblem& problem) {
    auto all = options();
    auto option = std::find_if(all.begin(), all.end(), [&](const Option& o) { return o.key == problem.key; });
    return option == all.end() || value_text(*option, fresh.config) == value_text(*option, now);
  });
}

void check_user(Loaded& loaded) {
  if (is_root() || loaded.config.server.user.empty()) return;
  auto user = configured_user(loaded.config);
  if (!user) loaded.problems.push_back(*loaded.problem_of(user.error()));
}

void check_addresses(Loaded& loaded) {
  for (Service service : kServices) {
    const Listen& wanted = listen_of(loaded.config, service);
    for (const Endpoint& at : wanted) {
      if (at.ip.v6 && wanted.size() > 1 && !machine_has_ipv6()) continue;  // as bind_listeners() does
      auto good = net::ListenSocket::try_bind(at);
      // Who serves may have other rights, or get its sockets from systemd.
      if (good || good.error().kind == FaultKind::exists || good.error().kind == FaultKind::policy) continue;
      std::string key = fmt::format("listen.{}", to_string(service));
      loaded.problems.push_back(*loaded.problem_of(blame(key, good.error()).error()));
    }
  }
}

}  // namespace posthouse::app
