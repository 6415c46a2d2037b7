#include "app/supervisor/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "app/limits.h"
#include "app/supervisor/notify.h"
#include "base/log.h"

namespace posthouse::app {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { reset(); }
  void reset() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&set, signal);
  return set;
}

// "signal 11 (Segmentation fault)", "exit status 70"
std::string describe(int status) {
  if (WIFSIGNALED(status)) {
    return fmt::format("signal {} ({}{})", WTERMSIG(status), strsignal(WTERMSIG(status)),
                       WCOREDUMP(status) ? ", core dumped" : "");
  }
  return fmt::format("exit status {}", WEXITSTATUS(status));
}

class Supervisor {
 public:
  Supervisor(const Worker& worker, const SupervisorOptions& options, const Clock& clock)
      : worker_(worker), options_(options), clock_(clock) {}

  int run() {
    // What means nothing to a server must not end it.
    for (int signal : {SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE}) std::signal(signal, SIG_IGN);
    sigset_t signals = watched_signals();
    sigprocmask(SIG_BLOCK, &signals, &before_);
    signals_ = Descriptor(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    start();
    while (!finished_) turn();
    notify_service_manager("STOPPING=1");
    return exit_status_;
  }

 private:
  void start() {
    restart_at_.reset();
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
      give_up("pipe");
      return;
    }
    ready_ = Descriptor(ends[0]);
    Descriptor worker_end(ends[1]);
    started_at_ = clock_.steady();
    child_served_ = false;
    child_ = fork();
    if (child_ < 0) {
      give_up("fork");
      return;
    }
    if (child_ == 0) {
      run_worker(worker_end.get());
    }
    log::info("supervisor.worker_started", {{"pid", child_}});
  }

  [[noreturn]] void run_worker(int ready_fd) {
    std::signal(SIGHUP, SIG_IGN);  // until the worker can reload
    sigprocmask(SIG_SETMASK, &before_, nullptr);
    signals_.reset();
    ready_.reset();
    // A worker without its supervisor stops in order.
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (getppid() != supervisor_) _exit(EX_TEMPFAIL);
    int status = worker_(ready_fd);
    log::flush();
    _exit(status);
  }

  void give_up(const char* what) {
    log::error("supervisor.failed", {{"what", what}, {"reason", std::strerror(errno)}});
    exit_status_ = EX_OSERR;
    finished_ = true;
  }

  // Waits for a signal, for the worker to be ready, or for the time of the next step.
  void turn() {
    pollfd events[2] = {{signals_.get(), POLLIN, 0}, {ready_.get(), POLLIN, 0}};
    int timeout = -1;
    auto next = restart_at_ ? restart_at_ : kill_at_;
    if (next) {
      auto left = std::chrono::ceil<milliseconds>(*next - clock_.steady()).count();
      timeout = static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
    }
    int ready = poll(events, 2, timeout);
    if (ready > 0 && (events[1].revents & (POLLIN | POLLHUP)) != 0) on_ready();
    if (ready > 0 && (events[0].revents & POLLIN) != 0) on_signals();
    if (finished_) return;
    if (restart_at_ && clock_.steady() >= *restart_at_) {
      if (!child_served_) options_.reload();
      start();
    }
    if (kill_at_ && clock_.steady() >= *kill_at_) {
      log::error("supervisor.worker_does_not_stop", {{"pid", child_}});
      kill_at_.reset();
      if (child_ > 0) kill(child_, SIGKILL);
    }
  }

  void on_ready() {
    char byte = 0;
    if (read(ready_.get(), &byte, 1) != 1) {
      ready_.reset();
      return;
    }
    options_.keep();
    if (std::exchange(child_served_, true)) return;
    served_ = true;
    notify_service_manager("READY=1\nSTATUS=Serving.");
  }

  void on_signals() {
    signalfd_siginfo info{};
    while (read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      auto signal = static_cast<int>(info.ssi_signo);
      if (signal == SIGCHLD) {
        reap();
      } else if (signal == SIGHUP) {
        if (options_.reload() && child_ > 0) kill(child_, SIGHUP);
      } else {
        stop(signal);
      }
    }
  }

  void stop(int signal) {
    if (!stopping_) log::info("supervisor.stopping", {{"signal", strsignal(signal)}});
    stopping_ = true;
    if (child_ <= 0) {
      finished_ = true;
      return;
    }
    notify_service_manager("STOPPING=1");
    kill(child_, SIGTERM);
    if (!kill_at_) kill_at_ = clock_.steady() + options_.stop_timeout;
  }

  void reap() {
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
      if (ended == child_) on_worker_ended(status);
    }
  }

  void on_worker_ended(int status) {
    if (!child_served_ && ready_.get() >= 0) {
      pollfd readable{ready_.get(), POLLIN, 0};
      if (poll(&readable, 1, 0) > 0 && (readable.revents & POLLIN) != 0)
        on_ready();  // it served, if only just
    }
    auto lived = std::chrono::duration_cast<milliseconds>(clock_.steady() - started_at_);
    std::string why = describe(status);
    pid_t pid = std::exchange(child_, 0);
    ready_.reset();
    if (stopping_ || !served_) {
      bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
      if (good) {
        log::info("supervisor.worker_ended", {{"pid", pid}, {"why", why}});
      } else {
        log::error("supervisor.worker_ended", {{"pid", pid}, {"why", why}, {"served", served_}});
      }
      exit_status_ = WIFEXITED(status) ? WEXITSTATUS(status) : (stopping_ ? EX_OK : EX_SOFTWARE);
      finished_ = true;
      return;
    }
    const milliseconds longest = child_served_ ? kLongestRestart : kLongestRetry;
    pause_ = lived >= kSteady ? kFirstRestart : std::min(pause_, longest);
    log::error("supervisor.worker_ended",
               {{"pid", pid}, {"why", why}, {"lived_ms", lived.count()}, {"restart_in_ms", pause_.count()}});
    notify_service_manager("STATUS=The worker ended (" + why + ") and is started again.");
    restart_at_ = clock_.steady() + pause_;
    pause_ = std::min(pause_ * 2, longest);
  }

  const Worker& worker_;
  const SupervisorOptions& options_;
  const Clock& clock_;
  sigset_t before_{};
  Descriptor signals_, ready_;
  const pid_t supervisor_ = getpid();
  pid_t child_ = 0;
  bool served_ = false, child_served_ = false, stopping_ = false, finished_ = false;
  int exit_status_ = EX_OK;
  milliseconds pause_ = kFirstRestart;
  SteadyTime started_at_{};
  std::optional<SteadyTime> restart_at_, kill_at_;
};

}  // namespace

int supervise(const Worker& worker, const SupervisorOptions& options, const Clock& clock) {
  return Supervisor(worker, options, clock).run();
}

}  // namespace posthouse::app
