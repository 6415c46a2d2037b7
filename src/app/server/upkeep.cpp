// What the program does by itself while it serves.
#include <algorithm>
#include <atomic>
#include <memory>

#include "app/config/blame.h"
#include "app/config/load.h"
#include "app/config/takeover.h"
#include "app/limits.h"
#include "app/server/logging.h"
#include "app/server/own_certificate.h"
#include "app/server/server_impl.h"
#include "base/id.h"
#include "base/log.h"
#include "base/metrics.h"
#include "directory/records.h"
#include "engine/partition_copy.h"

namespace posthouse::app {

// While there is no room for letters, what makes some is looked for much more often.
Task<void> Server::Impl::sweep_blobs() {
  const Clock& clock = core_->clock;
  SteadyTime sweep_from = clock.steady() + kSweepEvery, reclaim_from{};
  while (true) {
    auto slept = co_await lanes_[0]->loop.sleep(kSpaceLook);
    if (!slept || stopping_) co_return;
    if (core_->engine.free_space() >= kSpaceGone && clock.steady() < sweep_from) continue;
    auto swept = co_await core_->store.sweep(false);
    if (!swept) log::warn("server.sweep_failed", {{"reason", swept.error().what}});
    co_await core_->engine.remove_stale_snapshots();
    if (swept && *swept != 0) log::debug("server.swept", {{"blobs", *swept}});
    sweep_from = clock.steady() + kSweepEvery;
    if (core_->engine.free_space() >= kSpaceShort || clock.steady() < reclaim_from) continue;
    const std::optional<SteadyTime> again = co_await reclaim_space();
    if (again) {
      reclaim_from = *again;
    } else if (core_->engine.free_space() < kSpaceGone && config_.store.purge_when_full) {
      co_await purge_early();
    }
  }
}

// What went while it ran, or came to be old right after, waits for the next time.
Task<std::optional<SteadyTime>> Server::Impl::reclaim_space() {
  const SteadyTime began = core_->clock.steady();
  auto reclaimed = co_await core_->engine.reclaim_space();
  if (reclaimed && !*reclaimed) co_return std::nullopt;
  const SteadyTime ended = core_->clock.steady();
  if (!reclaimed) {  // most often for want of the room that it takes itself, which may come at any moment
    log::warn("server.space_not_reclaimed", {{"reason", reclaimed.error().what}});
    co_return ended + std::max<SteadyTime::duration>(kReclaimAgain, ended - began);
  }
  const uint64_t free = core_->engine.free_space();
  const int share = free < kSpaceGone ? 1 : kReclaimShare;
  log::info("server.space_reclaimed", {{"free", free}});
  co_return ended + std::min<SteadyTime::duration>(kReclaimPause, (ended - began) * share);
}

// Who lives here can't be found out from the letters, and whoever is not known any more has their mail
// bounced.
Task<void> Server::Impl::keep_directory_copy() {
  auto changed = std::make_shared<std::atomic<bool>>(true);
  const auto watch = core_->engine.watch(directory::kPartition, [changed] { *changed = true; });
  const std::string path = directory_copy(config_);
  while (!stopping_) {
    const SteadyTime began = core_->clock.steady();
    if (changed->exchange(false)) {
      Result<void> written = co_await core_->engine.read([&path](const engine::Reader& reader) {
        return engine::copy_partition(reader, directory::kPartition, path);
      });
      if (!written) {
        log::warn("server.directory_not_copied", {{"reason", written.error().what}});
        *changed = true;
      }
    }
    const auto took = std::chrono::duration_cast<milliseconds>(core_->clock.steady() - began);
    auto slept = co_await lanes_[0]->loop.sleep(std::max(kCopyPause, kCopyShare * took));
    if (!slept) co_return;
  }
}

// Letters that come wait behind a conversion to files, so one that a full disk or a lock stopped does not
// wait for the operator. One to the database waits: it holds up nobody, and loads all letters anew.
Task<void> Server::Impl::finish_conversions() {
  milliseconds pause = kConvertAgain;
  for (bool first = true; !stopping_; first = false) {
    auto found = co_await core_->store.conversions();
    if (!found) log::warn("server.conversions_unknown", {{"reason", found.error().what}});
    bool any = false;
    for (size_t i = 0; found && i < found->size(); ++i) {
      const store::MailStore::Conversion& one = (*found)[i];
      if (!first && (!one.to_files || one.place)) continue;
      any = true;
      Result<void> done = co_await core_->store.finish_conversion(one.account);
      if (done) {
        log::info("server.conversion_finished", {{"account", format_id(one.account)}});
      } else {
        log::error("server.conversion_failed",
                   {{"account", format_id(one.account)}, {"reason", done.error().what}});
      }
    }
    auto slept = co_await lanes_[0]->loop.sleep(pause);
    if (!slept) co_return;
    pause = any ? std::min(2 * pause, kConvertAgainAtMost) : kConvertAgain;
  }
}

void Server::Impl::watch_certificates() {
  std::vector<std::string> files;
  for (const CertificateFiles& certificate : config_.tls.certificates) {
    files.push_back(certificate.chain);
    files.push_back(certificate.key);
  }
  certificate_watch_.reset();
  if (files.empty()) return;
  certificate_watch_ = std::make_unique<net::FileWatch>(lanes_[0]->loop, files,
                                                        [this] { reload_certificates("the files changed"); });
}

Task<void> Server::Impl::update_gauges() {
  metrics::Gauge letters("posthouse_queue_letters", "Letters on their way to other hosts.");
  metrics::Gauge held("posthouse_queue_held_letters", "Letters an operator holds back.");
  metrics::Gauge aside("posthouse_queue_set_aside", "Queue records that were moved out of the way.");
  metrics::Gauge space("posthouse_store_free_bytes", "Disk space that may still be used.");
  metrics::Gauge connections("posthouse_app_connections", "Connections open now.");
  metrics::Gauge ends("posthouse_tls_certificate_end_seconds",
                      "When the served certificate ends, since 1970.");
  while (true) {
    auto totals = co_await core_->queue.totals();
    if (totals) {
      letters.set(static_cast<double>(totals->letters));
      held.set(static_cast<double>(totals->held));
      aside.set(static_cast<double>(totals->set_aside));
    }
    space.set(static_cast<double>(core_->engine.free_space()));
    size_t open = 0;
    for (const auto& lane : lanes_) open += lane->connections.count;
    connections.set(static_cast<double>(open));
    ends.set(static_cast<double>(protocols()->certificate_ends));
    auto slept = co_await lanes_[0]->loop.sleep(kGaugesEvery);
    if (!slept || stopping_) co_return;
  }
}

namespace {

// The sandbox shows the folders that were named at the start, and no others.
Fault with_hint(Fault fault) {
  if (fault.what.find("Permission denied") != std::string::npos) {
    fault.what += "; files outside the folders that were named at the start need a restart";
  }
  return fault;
}

}  // namespace

std::string Server::Impl::told(Fault fault) const {
  Loaded loaded = options_.config_file.empty() ? Loaded() : load_config(options_.config_file);
  return loaded.told(with_hint(std::move(fault)));
}

// A pair that can't be used stays as it was, or is left out if it never was good; the others are served as
// they are now. True: some of them are fresh from the disk.
Result<bool> Server::Impl::read_certificates(bool all_must_be_good) {
  const auto bad = certificates_.refresh(config_);
  if (all_must_be_good && !bad.empty()) return blame("tls.certificates", bad.front().fault);
  const auto good = certificates_.good();
  if (good.empty() && !bad.empty()) return blame("tls.certificates", bad.front().fault);
  for (const CertificateStock::Bad& pair : bad) {
    const char* event = pair.kept ? "server.certificates_kept" : "server.certificates_left_out";
    log::error(event, {{"reason", told(blame("tls.certificates", pair.fault).error())}});
  }
  auto fresh = make_protocols(config_, good);
  if (!fresh) return std::unexpected(fresh.error());
  std::lock_guard lock(protocols_mutex_);
  protocols_ = *fresh;
  return bad.size() < certificate_files(config_).size();
}

void Server::Impl::reload_certificates(const char* why) {
  auto fresh = read_certificates(false);
  if (!fresh) {
    log::error("server.certificates_kept", {{"reason", told(fresh.error())}});
    return;
  }
  if (!*fresh) return;
  log::info("server.certificates_loaded", {{"why", why}, {"end", protocols()->certificate_ends}});
  if (options_.renewed) options_.renewed();
}

// A file with mistakes, or a log that can't be opened, leaves everything as it was.
void Server::Impl::reload() {
  if (!options_.config_file.empty()) {
    Loaded loaded = load_config(options_.config_file);
    for (const ConfigProblem& problem : loaded.problems) {
      log::error("server.reload_refused", {{"problem", problem.to_string()}});
    }
    if (!loaded.problems.empty()) return;
    if (auto added = add_own_certificate(loaded.config); !added) {
      log::error("server.reload_refused", {{"problem", added.error().what}});
      return;
    }
    if (auto good = certificates_can_be_taken(loaded.config, config_); !good) {
      log::error("server.reload_refused", {{"problem", loaded.told(with_hint(good.error()))}});
      return;
    }
    if (auto opened = configure_log(loaded.config); !opened) {
      log::error("server.reload_refused", {{"problem", loaded.told(with_hint(opened.error()))}});
      return;
    }
    for (const OptionChange& change : take_over(loaded.config, config_)) {
      if (change.taken) {
        log::info("server.option_changed", {{"key", change.key}, {"value", change.value}});
      } else {
        log::warn("server.restart_needed", {{"key", change.key}});
      }
    }
  } else if (auto opened = configure_log(config_); !opened) {
    log::error("server.reload_refused", {{"problem", opened.error().what}});
  }
  reload_certificates("reload");
  watch_certificates();
}

}  // namespace posthouse::app
