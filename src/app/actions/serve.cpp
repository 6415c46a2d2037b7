#include <sysexits.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>

#include "app/actions/actions.h"
#include "app/config/load.h"
#include "app/config/takeover.h"
#include "app/core/folders.h"
#include "app/extraction/extraction.h"
#include "app/limits.h"
#include "app/preflight/preflight.h"
#include "app/privileges/descriptors.h"
#include "app/privileges/sandbox.h"
#include "app/privileges/user.h"
#include "app/server/listeners.h"
#include "app/server/logging.h"
#include "app/server/protocols.h"
#include "app/server/server.h"
#include "app/supervisor/supervisor.h"
#include "base/clock.h"
#include "base/log.h"

namespace posthouse::app::actions {
namespace {

Result<void> give_up_root(const std::optional<User>& user) {
  return user ? become(*user) : set_no_new_privileges();
}

// The process that serves: confined before anything of a stranger reaches it, and before it has threads.
int work(const Loaded& loaded, const std::string& config_file, std::vector<Bound> listeners,
         std::optional<CertificateStock> certificates, int ready_fd) {
  const Config& config = loaded.config;
  std::shared_ptr<search::TextExtractor> extractor = start_extraction(config);
  auto confined = confine(files_for(config, config_file));
  if (!confined) {
    log::error("server.not_confined", {{"reason", confined.error().what}});
    return EX_OSERR;
  }
  auto tell_supervisor = [ready_fd] {
    char byte = 1;
    if (ready_fd >= 0 && ::write(ready_fd, &byte, 1) != 1) log::warn("server.supervisor_gone", {});
  };
  auto started = [tell_supervisor] {
    log::info("server.ready", {});
    tell_supervisor();
  };
  auto server = Server::make({config, config_file, std::move(listeners), Core::Store::existing, started,
                              std::move(certificates), std::move(extractor), tell_supervisor});
  if (!server) {
    log::error("server.cannot_start", {{"reason", loaded.told(server.error())}});
    return server.error().kind == FaultKind::not_found ? EX_IOERR : exit_status(server.error());
  }
  // A disk that failed: in order to the end, and the supervisor starts a worker that reads back what is
  // there.
  std::atomic<bool> broken = false;
  engine::Engine& engine = (*server)->core().engine;
  engine.when_broken([&broken, to_stop = server->get()](const Fault&) {
    broken = true;
    to_stop->main_loop().post([to_stop] { to_stop->stop("the store can't be written"); });
  });
  auto clean = (*server)->run();
  engine.when_broken({});
  if (!clean) {
    log::error("server.cannot_start", {{"reason", loaded.told(clean.error())}});
    return exit_status(clean.error());
  }
  if (!*clean) {  // sessions are still there: end under them
    log::flush();
    _exit(broken ? EX_IOERR : EX_OK);
  }
  log::info("server.stopped", {});
  return broken ? EX_IOERR : EX_OK;
}

// Ends a confined process: what runs at an ordinary exit may want more than it is allowed.
[[noreturn]] void leave(int status) {
  log::flush();
  std::fflush(stdout);
  _exit(status);
}

int check_sandbox(const Loaded& loaded, const std::string& config_file, const std::optional<User>& user) {
  const Config& config = loaded.config;
  if (auto made = make_data_folders(config, user ? &*user : nullptr); !made)
    return complain(loaded, made.error());
  if (auto done = give_up_root(user); !done) return complain(done.error());
  if (auto done = confine(files_for(config, config_file)); !done) return complain(done.error());
  SandboxReport report = try_to_escape(config);
  for (const auto& attempt : report.attempts) {
    fmt::print("{}: {} ({})\n", attempt.what, attempt.good ? "as it must be" : "WRONG", attempt.detail);
  }
  fmt::print("{}\n", report.tight() ? "The sandbox is tight." : "The sandbox has holes.");
  return report.tight() ? EX_OK : EX_SOFTWARE;
}

bool refuse(const std::string& problem) {
  log::error("server.reload_refused", {{"problem", problem}});
  return false;
}

// The supervisor's part of a reload: the next worker starts with what the present one has taken over. False:
// the file has mistakes, or names what the present worker could do without but the next start could not;
// nothing was changed and the worker need not look.
bool reload(const std::string& config_file, Loaded& loaded) {
  Loaded fresh = load_config(config_file);
  if (fresh.problems.empty()) check_changes(fresh, loaded.config);
  for (const ConfigProblem& problem : fresh.problems) refuse(problem.to_string());
  if (!fresh.problems.empty()) return false;
  if (auto good = certificates_can_be_taken(fresh.config, loaded.config); !good) {
    return refuse(fresh.told(good.error()));
  }
  if (auto opened = configure_log(fresh.config); !opened) return refuse(fresh.told(opened.error()));
  take_over(fresh.config, loaded.config);
  loaded.places = std::move(fresh.places);
  return true;
}

}  // namespace

int serve(const Invocation& in) {
  std::optional<Loaded> loaded = load(in);
  if (!loaded) return EX_CONFIG;
  check_surroundings(*loaded);
  if (!loaded->problems.empty()) return tell(*loaded);
  warn(*loaded);
  const Config* config = &loaded->config;
  // Before anything is made: in the place of a disk that is not mounted it would be in the way of nothing,
  // and found by nobody.
  if (auto there = find_store(*config); !there) {
    complain(*loaded, there.error());
    return EX_IOERR;  // as every command says it that opens the store
  }
  std::string config_file = in.config_file;
  if (!config_file.starts_with('/')) {
    char* here = realpath(config_file.c_str(), nullptr);
    if (here != nullptr) config_file = here;
    std::free(here);
  }
  raise_descriptor_limit();
  auto user = user_to_become(*config);
  if (!user) {
    complain(*loaded, user.error());
    return EX_CONFIG;
  }
  if (in.check_sandbox) leave(check_sandbox(*loaded, config_file, *user));
  if (auto made = make_data_folders(*config, user->has_value() ? &**user : nullptr); !made)
    return complain(*loaded, made.error());
  auto listeners = bind_listeners(*config);
  if (!listeners) {
    complain(*loaded, listeners.error());
    return EX_UNAVAILABLE;
  }
  if (auto done = give_up_root(*user); !done) return complain(done.error());
  if (auto done = configure_log(*config); !done) {
    complain(*loaded, done.error());
    return EX_CONFIG;
  }
  if (in.foreground) leave(work(*loaded, config_file, std::move(*listeners), std::nullopt, -1));
  SupervisorOptions options;
  options.reload = [&] { return reload(config_file, *loaded); };
  // Only a worker that serves shows that the files are as the operator meant them; until then a bad one is
  // his mistake. Later ones start with what was good, whatever became of the files.
  std::optional<CertificateStock> certificates;
  options.keep = [&] {
    if (!certificates) certificates.emplace();
    certificates->refresh(loaded->config);
  };
  options.stop_timeout = config->limits.shutdown + std::chrono::duration_cast<seconds>(kStopGrace);
  auto worker = [&](int ready_fd) {
    return work(*loaded, config_file, std::move(*listeners), certificates, ready_fd);
  };
  return supervise(worker, options, system_clock());
}

}  // namespace posthouse::app::actions
