#include "app/setup/setup.h"

#include <fmt/chrono.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "app/config/load.h"
#include "app/config/reference.h"
#include "app/core/core.h"
#include "app/core/folders.h"
#include "app/privileges/user.h"
#include "app/server/own_certificate.h"
#include "app/setup/dkim_key.h"
#include "base/random.h"
#include "message/address.h"
#include "net/loop.h"

namespace posthouse::app {
namespace {

constexpr size_t kPasswordLength = 20;

// The places that belong together.
struct Places {
  std::string config_directory, config_file, data_directory;
};

Places places_for(const SetupOptions& options) {
  if (options.directory.empty()) {
    return {"/etc/posthouse", "/etc/posthouse/posthouse.toml", "/var/lib/posthouse"};
  }
  std::error_code error;
  std::string root = std::filesystem::absolute(options.directory, error).lexically_normal().string();
  while (root.size() > 1 && root.back() == '/') root.pop_back();
  return {root, root + "/posthouse.toml", root + "/data"};
}

Result<void> nothing_there(const Places& places) {
  std::error_code error;
  for (const std::string& path : {places.config_file, places.data_directory + "/store"}) {
    if (std::filesystem::exists(path, error)) {
      return fail(FaultKind::exists, fmt::format("{} is there already; nothing was changed", path));
    }
  }
  return {};
}

Config config_for(const SetupOptions& options, const Places& places, const std::string& domain,
                  bool as_root) {
  Config config = default_config();
  config.server.hostname = options.hostname.empty() ? "mail." + domain : options.hostname;
  config.server.default_domain = domain;
  config.server.data_directory = places.data_directory;
  if (as_root) config.server.user = options.user;
  std::error_code error;
  const char* anchor = "/usr/share/dns/root.key";
  if (std::filesystem::exists(anchor, error)) config.resolver.trust_anchor = anchor;
  return config;
}

Result<void> make_keys(const Config& config, DnsFacts& dns) {
  std::string stamp = fmt::format("{:%Y%m}", std::chrono::floor<seconds>(dns.now));
  dns.rsa_selector = "rsa" + stamp;
  dns.ed25519_selector = "ed" + stamp;
  auto rsa = make_rsa_key();
  if (!rsa) return std::unexpected(rsa.error());
  auto ed25519 = make_ed25519_key();
  if (!ed25519) return std::unexpected(ed25519.error());
  dns.rsa_record = rsa->record;
  dns.ed25519_record = ed25519->record;
  auto path = [&](const std::string& selector) {
    return fmt::format("{}/{}.{}.pem", key_directory(config), dns.domain, selector);
  };
  if (auto done = write_new_file(path(dns.rsa_selector), rsa->private_pem, 0600); !done) return done;
  return write_new_file(path(dns.ed25519_selector), ed25519->private_pem, 0600);
}

Task<Result<void>> make_account(Core& core, std::string domain, std::string address, Secret password) {
  directory::Domain ours;
  ours.name = domain;
  auto added = co_await core.directory.add_domain(ours);
  if (!added) co_return std::unexpected(added.error());
  directory::Account account;
  account.address = address;
  account.admin = true;
  auto made = co_await core.directory.add_account(account, password);
  if (!made) co_return std::unexpected(made.error());
  co_return co_await core.store.create_account(made->id);
}

Result<void> make_folders(const Places& places, const Config& config, const User* owner) {
  if (auto made = make_directory(places.config_directory, 0755, nullptr); !made) return made;
  for (const std::string& path :
       {places.data_directory, store_directory(config), run_directory(config), key_directory(config)}) {
    if (auto made = make_directory(path, 0700, owner); !made) return made;
  }
  return {};
}

}  // namespace

Result<SetupResult> set_up(const SetupOptions& options) {
  auto address = message::address_key(options.address);
  if (!address) return fail(FaultKind::syntax, fmt::format("{}: {}", options.address, address.error().what));
  std::string domain = address->substr(address->rfind('@') + 1);
  if (domain.starts_with('[') || domain.find('.') == std::string::npos) {
    return fail(FaultKind::syntax,
                fmt::format("{}: expected an address at a domain of yours", options.address));
  }
  Places places = places_for(options);
  if (auto free = nothing_there(places); !free) return std::unexpected(free.error());
  std::optional<User> owner;
  if (is_root()) {
    auto user = find_user(options.user, "");
    if (!user) return std::unexpected(user.error());
    owner = *user;
  }
  Config config = config_for(options, places, domain, owner.has_value());
  const User* owner_or_null = owner ? &*owner : nullptr;
  if (auto made = make_folders(places, config, owner_or_null); !made) return std::unexpected(made.error());
  if (auto written = write_new_file(places.config_file, config_as_toml(config, true), 0640); !written) {
    return std::unexpected(written.error());
  }
  if (owner && ::lchown(places.config_file.c_str(), 0, owner->gid) != 0) {
    return fail(FaultKind::io, fmt::format("{}: {}", places.config_file, std::strerror(errno)));
  }
  // From here on all that is made belongs to the user that serves.
  if (owner) {
    if (auto became = become(*owner); !became) return std::unexpected(became.error());
  }
  SetupResult out{
      places.config_file, places.data_directory, *address, system_random().token(kPasswordLength), "", {}};
  out.dns.domain = domain;
  out.dns.hostname = config.server.hostname;
  out.dns.now = system_clock().now();
  if (auto made = add_own_certificate(config); !made) return std::unexpected(made.error());
  out.certificate = config.tls.certificates.front().chain;
  if (auto made = make_keys(config, out.dns); !made) return std::unexpected(made.error());
  auto core = Core::open(config, Core::Store::create);
  if (!core) return std::unexpected(core.error());
  auto made = net::run_blocking(make_account(**core, domain, *address, Secret(out.password)));
  if (!made) return std::unexpected(made.error());
  return out;
}

}  // namespace posthouse::app
