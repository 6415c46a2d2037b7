#include "app/extraction/runner.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "app/extraction/channel.h"
#include "app/limits.h"
#include "app/privileges/program_sandbox.h"
#include "base/clock.h"
#include "base/log.h"

namespace posthouse::app {
namespace {

constexpr size_t kDescriptors = 2;  // of a request

struct Received {
  ExtractionRequest request;
  int document = -1, text = -1;

  void close_both() {
    if (document >= 0) close(std::exchange(document, -1));
    if (text >= 0) close(std::exchange(text, -1));
  }
};

class Runner {
 public:
  Runner(int socket, const std::vector<ExtractorProgram>& programs, const ExtractionLimits& limits)
      : socket_(socket), programs_(programs), limits_(limits) {}

  [[noreturn]] void run() {
    while (true) {
      Received received = receive();
      const bool whole = received.document >= 0 && received.text >= 0;
      if (received.request.program == ExtractionRequest::kCancel) {  // it has ended already
        received.close_both();
        continue;
      }
      ExtractionReply reply{received.request.number, ExtractionOutcome::not_started};
      if (whole && received.request.program < programs_.size()) reply.outcome = serve(received);
      received.close_both();
      tell(reply);
    }
  }

  void tell(const ExtractionReply& reply) const {
    if (send(socket_, &reply, sizeof reply, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof reply)) _exit(EX_OK);
  }

 private:
  // The next packet; the process ends with the connection.
  Received receive() const {
    Received out;
    iovec octets{&out.request, sizeof out.request};
    alignas(cmsghdr) char control[CMSG_SPACE(kDescriptors * sizeof(int))];
    msghdr message{};
    message.msg_iov = &octets;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t got = 0;
    while ((got = recvmsg(socket_, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) continue;
    if (got != static_cast<ssize_t>(sizeof out.request)) _exit(EX_OK);
    for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
      if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS) continue;
      int fds[kDescriptors] = {-1, -1};
      std::memcpy(fds, CMSG_DATA(one), std::min(sizeof fds, one->cmsg_len - CMSG_LEN(0)));
      out.document = fds[0];
      out.text = fds[1];
    }
    return out;
  }

  ExtractionOutcome serve(Received& received) const {
    const ExtractorProgram& program = programs_[received.request.program];
    const pid_t child = fork();
    if (child < 0) return ExtractionOutcome::not_started;
    if (child == 0) {
      become_program(program.path, program.arguments, received.document, received.text,
                     {std::chrono::ceil<seconds>(limits_.time), limits_.memory});
    }
    received.close_both();
    const bool in_time = wait_for(child, received.request.number);
    if (!in_time) kill(child, SIGKILL);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    if (!in_time || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)) return ExtractionOutcome::too_long;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? ExtractionOutcome::done
                                                         : ExtractionOutcome::failed;
  }

  // Until it has ended by itself. False: it is to be ended.
  bool wait_for(pid_t child, uint32_t number) const {
    const int ended = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
    if (ended < 0) return false;
    const SteadyTime deadline = system_clock().steady() + limits_.time;
    bool by_itself = false;
    while (true) {
      const auto left = std::chrono::ceil<milliseconds>(deadline - system_clock().steady());
      if (left <= milliseconds(0)) break;
      pollfd events[2] = {{ended, POLLIN, 0}, {socket_, POLLIN, 0}};
      if (poll(events, 2, static_cast<int>(left.count())) < 0 && errno != EINTR) break;
      by_itself = events[0].revents != 0;
      if (by_itself) break;
      if (events[1].revents == 0) continue;
      if ((events[1].revents & POLLIN) == 0) {  // nobody is there any more
        kill(child, SIGKILL);
        _exit(EX_OK);
      }
      Received word = receive();
      word.close_both();
      if (word.request.number == number && word.request.program == ExtractionRequest::kCancel) break;
    }
    close(ended);
    return by_itself;
  }

  int socket_;
  const std::vector<ExtractorProgram>& programs_;
  const ExtractionLimits& limits_;
};

// The worker's listeners, its log and all else it had open.
void keep_only(int socket) {
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nothing >= 0) {
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
  }
  const auto first = static_cast<unsigned>(socket);
  if (first > 3) close_range(3, first - 1, 0);
  close_range(first + 1, ~0U, 0);
}

}  // namespace

[[noreturn]] void run_extractors(int socket, const std::vector<ExtractorProgram>& programs,
                                 const ExtractionLimits& limits) {
  prctl(PR_SET_NAME, "ph-extract", 0, 0, 0);
  // It ends with the server, whatever a terminal or a service manager sends to all.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2}) std::signal(signal, SIG_IGN);
  std::signal(SIGCHLD, SIG_DFL);
  std::vector<std::string> paths;
  for (const ExtractorProgram& program : programs) paths.push_back(program.path);
  const Result<void> confined = confine_to_programs(paths);
  if (!confined) log::warn("search.extractors_off", {{"reason", confined.error().what}});
  log::flush();
  Runner runner(socket, programs, limits);
  if (!confined) _exit(EX_UNAVAILABLE);
  keep_only(socket);
  runner.tell({});
  runner.run();
}

}  // namespace posthouse::app
