#include "app/setup/setup.h"

#include <fmt/chrono.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "app/config/host_name.h"
#include "app/config/load.h"
#include "app/config/reference.h"
#include "app/core/core.h"
#include "app/core/folders.h"
#include "app/privileges/as_user.h"
#include "app/server/own_certificate.h"
#include "app/setup/dkim_key.h"
#include "app/setup/own_addresses.h"
#include "app/setup/undo.h"
#include "base/random.h"
#include "message/address.h"
#include "net/loop.h"

namespace posthouse::app {
namespace {

constexpr size_t kPasswordLength = 20;
constexpr size_t kLongestSocketPath = 107;  // sockaddr_un, without the closing zero

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

std::string tls_directory(const Config& config) {
  return config.server.data_directory + "/tls";
}

std::vector<std::string> data_folders(const Config& config) {
  return {store_directory(config), run_directory(config), key_directory(config), tls_directory(config)};
}

// Stands in the data directory while a setup works there that made all of data_folders(): should it be
// killed, the next one knows that they are worth nothing.
std::string unfinished_mark(const Config& config) {
  return config.server.data_directory + "/setup-unfinished";
}

bool is_there(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(std::filesystem::symlink_status(path, error));
}

Result<void> nothing_there(const Places& places, const Config& config) {
  for (const std::string& path : {places.config_file, store_directory(config)}) {
    if (is_there(path) && (path == places.config_file || !is_there(unfinished_mark(config)))) {
      return fail(FaultKind::exists, fmt::format("{} is there already; nothing was changed", path));
    }
  }
  return {};
}

void remove_unfinished(const Config& config) {
  if (!is_there(unfinished_mark(config))) return;
  std::error_code ignored;
  for (const std::string& path : data_folders(config)) std::filesystem::remove_all(path, ignored);
  std::filesystem::remove(unfinished_mark(config), ignored);
}

struct Names {
  std::string address, domain, hostname;
};

Result<Names> names_from(const SetupOptions& options) {
  auto address = message::address_key(options.address);
  if (!address) return fail(FaultKind::syntax, fmt::format("{}: {}", options.address, address.error().what));
  std::string_view written = std::string_view(*address).substr(address->rfind('@') + 1);
  auto possible = message::mail_domain(written);
  if (!possible && !written.starts_with('['))
    return fail(FaultKind::syntax, fmt::format("{}: {}", options.address, possible.error().what));
  auto domain = full_host_name(written);
  if (!domain) {
    return fail(FaultKind::syntax,
                fmt::format("{}: expected an address at a domain of yours", options.address));
  }
  auto hostname = full_host_name(options.hostname.empty() ? "mail." + *domain : options.hostname);
  if (!hostname) return fail(FaultKind::syntax, "--hostname: " + hostname.error().what);
  return Names{*address, *domain, *hostname};
}

Config config_for(const SetupOptions& options, const Places& places, const Names& names, bool as_root) {
  Config config = default_config();
  config.server.hostname = names.hostname;
  config.server.default_domain = names.domain;
  config.server.data_directory = places.data_directory;
  if (as_root) config.server.user = options.user;
  std::error_code error;
  const char* anchor = "/usr/share/dns/root.key";
  if (std::filesystem::exists(anchor, error)) config.resolver.trust_anchor = anchor;
  return config;
}

struct Keys {
  DkimKey rsa, ed25519;
};

Result<Keys> make_keys(DnsFacts& dns) {
  std::string stamp = fmt::format("{:%Y%m}", std::chrono::floor<seconds>(dns.now));
  dns.rsa_selector = "rsa" + stamp;
  dns.ed25519_selector = "ed" + stamp;
  auto rsa = make_rsa_key();
  if (!rsa) return std::unexpected(rsa.error());
  auto ed25519 = make_ed25519_key();
  if (!ed25519) return std::unexpected(ed25519.error());
  dns.rsa_record = rsa->record;
  dns.ed25519_record = ed25519->record;
  return Keys{std::move(*rsa), std::move(*ed25519)};
}

Result<void> write_keys(const Config& config, const DnsFacts& dns, const Keys& keys) {
  auto path = [&](const std::string& selector) {
    return fmt::format("{}/{}.{}.pem", key_directory(config), dns.domain, selector);
  };
  if (auto done = write_new_file(path(dns.rsa_selector), keys.rsa.private_pem, 0600); !done) return done;
  return write_new_file(path(dns.ed25519_selector), keys.ed25519.private_pem, 0600);
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
  auto place = core.places.of("", made->address);
  if (!place) co_return std::unexpected(place.error());
  co_return co_await core.store.create_account(made->id, group_of(made->address), *place);
}

// All that belongs to the user that serves, made by nobody else.
Result<void> fill_data_directory(Config config, const SetupResult& facts, const Keys& keys) {
  if (auto made = add_own_certificate(config); !made) return made;
  if (auto made = write_keys(config, facts.dns, keys); !made) return made;
  auto core = Core::open(config, Core::Store::create);
  if (!core) return std::unexpected(core.error());
  return net::run_blocking(make_account(**core, facts.dns.domain, facts.address, Secret(facts.password)));
}

Result<void> make_folders(const Places& places, const Config& config, const User* owner, Undo& undo) {
  bool fresh = true;
  for (const std::string& path : data_folders(config)) fresh = fresh && !is_there(path);
  undo.will_make(places.config_directory);
  if (auto made = make_directory(places.config_directory, 0755, nullptr); !made) return made;
  undo.will_make(places.data_directory);
  if (auto made = make_directory(places.data_directory, 0700, owner); !made) return made;
  if (fresh) {
    undo.will_make(unfinished_mark(config));
    if (auto made = write_new_file(unfinished_mark(config), "", 0600); !made) return made;
  }
  for (const std::string& path : data_folders(config)) {
    undo.will_make(path);
    if (auto made = make_directory(path, 0700, owner); !made) return made;
  }
  return {};
}

// Last of all: with it the setup is complete.
Result<void> write_config(const Places& places, const Config& config, const User* owner) {
  if (auto written = write_new_file(places.config_file, config_as_toml(config, true), 0640); !written) {
    return written;
  }
  if (owner != nullptr && ::lchown(places.config_file.c_str(), 0, owner->gid) != 0) {
    return fail(FaultKind::io, fmt::format("{}: {}", places.config_file, std::strerror(errno)));
  }
  std::error_code ignored;
  std::filesystem::remove(unfinished_mark(config), ignored);
  return {};
}

Result<void> make_all(const Places& places, const Config& config, const User* owner, SetupResult& out) {
  Undo undo;
  if (auto made = make_folders(places, config, owner, undo); !made) return made;
  auto keys = make_keys(out.dns);
  if (!keys) return std::unexpected(keys.error());
  auto fill = [&] { return fill_data_directory(config, out, *keys); };
  if (auto done = owner != nullptr ? as_user(*owner, fill) : fill(); !done) return done;
  undo.will_make(places.config_file);
  if (auto written = write_config(places, config, owner); !written) return written;
  undo.keep();
  return {};
}

}  // namespace

Result<SetupResult> set_up(const SetupOptions& options) {
  auto names = names_from(options);
  if (!names) return std::unexpected(names.error());
  std::optional<User> owner;
  if (is_root()) {
    auto user = find_user(options.user);
    if (!user) return std::unexpected(user.error());
    if (user->uid == 0) return fail(FaultKind::policy, "--user: expected a user other than root to run as");
    owner = *user;
  }
  Places places = places_for(options);
  Config config = config_for(options, places, *names, owner.has_value());
  if (control_path(config).size() > kLongestSocketPath) {
    return fail(FaultKind::syntax,
                fmt::format("--dir: expected a folder with a shorter path: {} may have {} bytes",
                            control_path(config), kLongestSocketPath));
  }
  if (auto free = nothing_there(places, config); !free) return std::unexpected(free.error());
  remove_unfinished(config);
  SetupResult out;
  out.config_file = places.config_file;
  out.data_directory = places.data_directory;
  out.address = names->address;
  out.password = system_random().token(kPasswordLength);
  out.certificate = tls_directory(config) + "/certificate.pem";
  out.dns.domain = names->domain;
  out.dns.hostname = names->hostname;
  out.dns.now = system_clock().now();
  out.dns.addresses = options.addresses.empty() ? own_public_addresses() : options.addresses;
  if (auto made = make_all(places, config, owner ? &*owner : nullptr, out); !made) {
    return std::unexpected(made.error());
  }
  return out;
}

}  // namespace posthouse::app
