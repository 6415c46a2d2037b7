#include "app/core/core.h"

#include <filesystem>

#include "app/config/blame.h"
#include "app/core/folders.h"
#include "app/limits.h"
#include "base/clock.h"
#include "base/random.h"
#include "engine/rocks_engine.h"
#include "net/tls.h"

namespace posthouse::app {
namespace {

directory::Options directory_options(const Config& config) {
  directory::Options options;
  options.default_domain = effective_domain(config);
  return options;
}

delivery::Options delivery_options(const Config& config) {
  delivery::Options options;
  options.over_quota_is_permanent = config.quota.over_is_permanent;
  options.default_quota_bytes = config.quota.account;
  options.default_quota_messages = config.quota.account_messages;
  options.default_domain_bytes = config.quota.domain;
  options.default_domain_messages = config.quota.domain_messages;
  options.subaddress_to_mailbox = config.delivery.subaddress_to_mailbox;
  return options;
}

acceptance::Options acceptance_options(const Config& config) {
  acceptance::Options options;
  options.queue_lifetime = config.queue.expire;
  options.max_received = static_cast<uint32_t>(config.limits.received);
  return options;
}

Result<std::optional<transport::Smarthost>> smarthost(const Config& config) {
  if (config.smarthost.host.empty()) return std::nullopt;
  transport::Smarthost host;
  host.host = config.smarthost.host;
  host.port = static_cast<uint16_t>(config.smarthost.port);
  host.user = config.smarthost.user;
  using Tls = transport::Smarthost::Tls;
  host.tls = config.smarthost.tls == "implicit" ? Tls::implicit
             : config.smarthost.tls == "none"   ? Tls::none
                                                : Tls::starttls;
  if (!host.user.empty()) {
    auto password = read_first_line(config.smarthost.password_file);
    if (!password) return blame("smarthost.password_file", password.error());
    host.password = Secret(std::move(*password));
  }
  return host;
}

}  // namespace

Core::Core(const Config& config, std::unique_ptr<engine::Engine> opened)
    : engine_(std::move(opened)),
      search_reserve_(config.store.reserve + kSearchReserve),
      passwords_(config.auth.threads, "password"),
      engine(*engine_),
      places(config),
      data_directory(std::filesystem::path(config.server.data_directory + "/.")
                         .lexically_normal()
                         .parent_path()
                         .string()),
      directory_copy_path(directory_copy(config)),
      search_directory(app::search_directory(config)),
      catalog_directory(app::catalog_directory(config)),
      search_options(config.search),
      clock(system_clock()),
      random(system_random()),
      keep_expunged(config.store.keep_expunged),
      ids(clock, random),
      directory(engine, clock, random, passwords_, directory_options(config)),
      store(engine, clock, random, store::kKeptExpunges, keep_expunged > seconds(0)),
      mirror(engine, clock, random, ids),
      taken_places(engine, mirror, directory, store),
      delivery(directory, store, delivery_options(config)),
      queue(engine, clock),
      acceptance(engine, directory, store, delivery, queue, clock, ids, acceptance_options(config)) {
  store.use_files(&mirror);
}

Result<std::unique_ptr<Core>> Core::open(const Config& config, Store store) {
  engine::RocksOptions options;
  options.create = store == Store::create;
  options.read_only = store == Store::read_only;
  options.directory = store_directory(config);
  options.memory_budget = config.store.memory;
  options.space_reserve = config.store.reserve;
  if (config.store.compression == "zstd") options.compression = engine::Compression::zstd;
  if (config.store.compression == "none") options.compression = engine::Compression::none;
  options.reading_threads = config.store.reading_threads;
  auto engine = engine::open_rocks_engine(options);
  if (!engine) {
    const FaultKind kind = engine.error().kind;
    const bool of_the_folder =
        kind == FaultKind::not_found || kind == FaultKind::io || kind == FaultKind::policy;
    if (of_the_folder) return blame("server.data_directory", advise_on_owner(config, engine.error()));
    return std::unexpected(advise_on_owner(config, engine.error()));
  }
  return std::unique_ptr<Core>(new Core(config, std::move(*engine)));
}

Result<search::Index*> Core::search_index() {
  if (!search_options.enabled) return fail(FaultKind::policy, "search.enabled is false");
  if (search_ == nullptr) {
    search::StoredIndex::Options options;
    options.directory = search_directory;
    options.memory = search_options.memory;
    options.space_reserve = search_reserve_;
    auto opened = search::StoredIndex::open(options);
    if (!opened) return std::unexpected(opened.error());
    search_ = std::move(*opened);
  }
  return &search_->index();
}

Result<catalog::StoredCatalog*> Core::catalog() {
  if (catalog_ == nullptr) {
    catalog::StoredCatalog::Options options;
    options.directory = catalog_directory;
    options.space_reserve = search_reserve_;
    auto opened = catalog::StoredCatalog::open(options, store, random);
    if (!opened) return std::unexpected(opened.error());
    catalog_ = std::move(*opened);
  }
  return catalog_.get();
}

Result<std::unique_ptr<transport::Transport>> Core::make_transport(const Config& config, net::Loop& loop,
                                                                   net::Resolver& resolver) {
  auto host = smarthost(config);
  if (!host) return std::unexpected(host.error());
  // Without a smarthost letters go to whoever the MX names, encrypted where possible, without asking for
  // names.
  bool verify = host->has_value() && config.smarthost.verify;
  auto tls = net::TlsContext::client(verify, config.tls.ca_file);
  if (!tls)
    return config.tls.ca_file.empty() ? std::unexpected(tls.error()) : blame("tls.ca_file", tls.error());
  transport::Options options;
  options.hostname = effective_hostname(config);
  options.default_domain = effective_domain(config);
  options.smarthost = std::move(*host);
  options.port = static_cast<uint16_t>(config.queue.port);
  options.retry_after = config.queue.retry;
  options.expire_after = config.queue.expire;
  options.warn_after = config.queue.warn;
  options.max_connections = static_cast<uint32_t>(config.queue.connections);
  options.max_per_destination = static_cast<uint32_t>(config.queue.per_destination);
  options.max_letters_per_connection = static_cast<uint32_t>(config.queue.letters_per_connection);
  options.connection_idle = config.queue.connection_idle;
  options.allow_loopback = config.queue.allow_loopback;
  return std::make_unique<transport::Transport>(loop, queue, acceptance, engine, resolver, *tls, clock,
                                                random, std::move(options));
}

}  // namespace posthouse::app
