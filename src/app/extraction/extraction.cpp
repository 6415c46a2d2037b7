#include "app/extraction/extraction.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "app/extraction/channel.h"
#include "app/extraction/programs.h"
#include "app/extraction/runner.h"
#include "app/limits.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "message/charset.h"

namespace posthouse::app {
namespace {

const char* name_of(message::DocumentKind kind) {
  switch (kind) {
    case message::DocumentKind::pdf:
      return "pdf";
    case message::DocumentKind::office:
      return "office";
    default:
      return "word";
  }
}

metrics::Counter documents_total(const char* result) {
  return {"posthouse_search_documents_total",
          "Attached documents that the search index took text from, or tried to.",
          {{"result", result}}};
}

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// A file without a name.
int open_nameless(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)) return fd;
  // Some file systems know no such thing.
  std::string path = folder + "/document.XXXXXX";
  const int named = ::mkostemp(path.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(path.c_str());
  return named;
}

// From what a program writes to text in UTF-8.
class Output {
 public:
  explicit Output(bool xml) : xml_(xml) {}
  void feed(std::string_view octets, std::string& utf8) {
    if (!xml_) return decoder_.feed(octets, utf8);
    std::string text;
    office_.feed(octets, text);
    decoder_.feed(text, utf8);
  }
  void finish(std::string& utf8) { decoder_.finish(utf8); }

 private:
  bool xml_;
  message::OfficeText office_;
  message::CharsetDecoder decoder_{"utf-8"};
};

class Extraction : public search::TextExtractor {
 public:
  Extraction(int socket, std::vector<ExtractorProgram> programs, std::string folder, milliseconds time)
      : socket_(socket), programs_(std::move(programs)), folder_(std::move(folder)), time_(time) {}

  bool knows(message::DocumentKind kind) const override {
    return !gone_ && program_for(kind) < programs_.size();
  }
  void stop() override { stopped_ = true; }

  Result<void> begin(message::DocumentKind kind) override {
    spool_.reset();
    octets_ = 0;
    program_ = program_for(kind);
    if (gone_ || program_ == programs_.size()) return fail(FaultKind::not_found, "no extractor");
    if (!has_patience()) {
      skipped_.add();
      return fail(FaultKind::temporary, "documents took too long lately");
    }
    spool_.reset(open_nameless(folder_));
    if (spool_.get() < 0) return lost(FaultKind::io, std::strerror(errno));
    return {};
  }

  Result<void> feed(std::string_view octets) override {
    if (spool_.get() < 0) return fail(FaultKind::io, "no document");
    octets_ += octets.size();
    while (!octets.empty()) {
      const ssize_t n = ::write(spool_.get(), octets.data(), octets.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        const int error = errno;
        spool_.reset();
        return lost(error == ENOSPC ? FaultKind::no_space : FaultKind::io, std::strerror(error));
      }
      octets.remove_prefix(static_cast<size_t>(n));
    }
    return {};
  }

  Result<void> finish(const std::function<bool(std::string_view)>& take) override {
    if (spool_.get() < 0) return fail(FaultKind::io, "no document");
    if (octets_ == 0) return {};
    const SteadyTime began = system_clock().steady();
    Descriptor text;
    Result<void> done = request(text);
    bool any = false;
    if (done) done = read_text(text, take, any);
    text.reset();
    spool_.reset();
    if (done) done = await_reply(any);
    if (!done && !stopped_) lost_time_ += system_clock().steady() - began;
    if (done) (any ? with_text_ : without_).add();
    return done;
  }

 private:
  size_t program_for(message::DocumentKind kind) const {
    size_t at = 0;
    while (at < programs_.size() && programs_[at].kind != kind) at++;
    return at;
  }

  // Letters that are made to keep extractors busy may have a part of the time only.
  bool has_patience() {
    const SteadyTime now = system_clock().steady();
    lost_time_ -= std::min(lost_time_, (now - looked_) / kExtractionShare);
    looked_ = now;
    return lost_time_ <= kExtractionPatience;
  }

  // The program gets to work. `text`: where its output is read.
  Result<void> request(Descriptor& text) {
    int ends[2];
    if (::lseek(spool_.get(), 0, SEEK_SET) != 0 || ::pipe2(ends, O_CLOEXEC) != 0)
      return lost(FaultKind::io, std::strerror(errno));
    text.reset(ends[0]);
    const Descriptor writing(ends[1]);
    ExtractionRequest wanted{++number_, static_cast<uint32_t>(program_)};
    const int fds[2] = {spool_.get(), writing.get()};
    iovec octets{&wanted, sizeof wanted};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof fds)] = {};
    msghdr message{};
    message.msg_iov = &octets;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fds);
    std::memcpy(CMSG_DATA(rights), fds, sizeof fds);
    if (::sendmsg(socket_.get(), &message, MSG_NOSIGNAL) < 0) return is_gone();
    deadline_ = system_clock().steady() + time_ + kExtractionGrace;
    return {};
  }

  void cancel() {
    const ExtractionRequest word{number_, ExtractionRequest::kCancel};
    if (::send(socket_.get(), &word, sizeof word, MSG_NOSIGNAL) < 0) static_cast<void>(is_gone());
  }

  // Until there is something to read. False: it took too long, or is not wanted any more.
  bool await(int fd) {
    while (!stopped_ && system_clock().steady() < deadline_) {
      pollfd event{fd, POLLIN, 0};
      const int ready = ::poll(&event, 1, kExtractionLook.count());
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) return false;
    }
    return false;
  }

  Result<void> read_text(const Descriptor& text, const std::function<bool(std::string_view)>& take,
                         bool& any) {
    Output output(programs_[program_].xml);
    std::string piece(kExtractionPiece, '\0');
    std::string utf8;
    uint64_t left = kExtractionOutput;
    bool wanted = true;
    while (wanted) {
      if (!await(text.get())) {
        cancel();
        return stopped_ ? fail(FaultKind::closed, "stopped") : is_gone();
      }
      const ssize_t n = ::read(text.get(), piece.data(), piece.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      utf8.clear();
      output.feed(std::string_view(piece).substr(0, static_cast<size_t>(n)), utf8);
      any = any || !utf8.empty();
      left -= std::min(left, static_cast<uint64_t>(n));
      wanted = take(utf8) && left > 0;
    }
    utf8.clear();
    output.finish(utf8);
    if (wanted) take(utf8);
    if (!wanted) cancel();
    enough_ = !wanted;
    return {};
  }

  Result<void> await_reply(bool any) {
    ExtractionReply reply;
    do {
      if (!await(socket_.get())) return stopped_ ? fail(FaultKind::closed, "stopped") : is_gone();
      const ssize_t got = ::recv(socket_.get(), &reply, sizeof reply, 0);
      if (got != static_cast<ssize_t>(sizeof reply)) return is_gone();
    } while (reply.number != number_);
    if (reply.outcome == ExtractionOutcome::done || enough_) return {};
    if (reply.outcome == ExtractionOutcome::too_long)
      return lost(FaultKind::timeout, "it did not end in time");
    if (any) return {};  // a damaged file, of which some could be read
    const bool started = reply.outcome != ExtractionOutcome::not_started;
    return lost(FaultKind::permanent, started ? "it failed" : "it could not be started");
  }

  // The process is: until the next start of the server documents are not looked into.
  Result<void> is_gone() {
    if (!gone_.exchange(true)) log::error("search.extractors_gone");
    return fail(FaultKind::io, "the process that starts extractors is gone");
  }

  // One document. Of many not all are logged.
  Result<void> lost(FaultKind kind, std::string why) {
    (kind == FaultKind::timeout ? too_long_ : failed_).add();
    const SteadyTime now = system_clock().steady();
    if (logged_ && now - *logged_ < kExtractionLogEvery) {
      unlogged_++;
    } else {
      log::warn("search.document_not_read", {{"kind", name_of(programs_[program_].kind)},
                                             {"program", programs_[program_].path},
                                             {"reason", why},
                                             {"not_logged", std::exchange(unlogged_, 0)}});
      logged_ = now;
    }
    return fail(kind, std::move(why));
  }

  const Descriptor socket_;
  const std::vector<ExtractorProgram> programs_;
  const std::string folder_;
  const milliseconds time_;
  std::atomic<bool> gone_{false}, stopped_{false};
  Descriptor spool_;  // of the document
  uint64_t octets_ = 0;
  size_t program_ = 0;
  uint32_t number_ = 0;  // of the last request
  bool enough_ = false;  // of its text was taken
  SteadyTime deadline_{};
  SteadyTime looked_ = system_clock().steady();
  SteadyTime::duration lost_time_{};  // with documents that gave nothing, as far as it is not forgiven
  std::optional<SteadyTime> logged_;
  uint64_t unlogged_ = 0;
  const metrics::Counter with_text_ = documents_total("text"), without_ = documents_total("empty"),
                         failed_ = documents_total("failed"), too_long_ = documents_total("timeout"),
                         skipped_ = documents_total("skipped");
};

// Whether the process said that it is ready.
bool is_ready(int socket) {
  pollfd event{socket, POLLIN, 0};
  ExtractionReply hello;
  const auto patience = static_cast<int>(std::chrono::milliseconds(kExtractionTime).count());
  return ::poll(&event, 1, patience) == 1 &&
         ::recv(socket, &hello, sizeof hello, 0) == static_cast<ssize_t>(sizeof hello);
}

std::shared_ptr<search::TextExtractor> failed(const char* what) {
  log::warn("search.extractors_off", {{"reason", fmt::format("{}: {}", what, std::strerror(errno))}});
  return nullptr;
}

}  // namespace

std::shared_ptr<search::TextExtractor> start_extraction(const Config& config,
                                                        const ExtractionLimits& limits) {
  if (!config.search.enabled) return nullptr;
  std::vector<ExtractorProgram> programs = find_extractors(config.search.extractors);
  if (programs.empty()) return nullptr;
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return failed("socketpair");
  log::flush();
  const pid_t server = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (::getppid() != server) _exit(EX_TEMPFAIL);
    ::close(ends[0]);
    run_extractors(ends[1], programs, limits);
  }
  ::close(ends[1]);
  if (child < 0 || !is_ready(ends[0])) {
    ::close(ends[0]);
    return child < 0 ? failed("fork") : nullptr;
  }
  std::string found;
  for (const ExtractorProgram& program : programs)
    found += fmt::format("{}{}={}", found.empty() ? "" : " ", name_of(program.kind), program.path);
  log::info("search.extractors", {{"found", found}});
  return std::make_shared<Extraction>(ends[0], std::move(programs), search_directory(config), limits.time);
}

}  // namespace posthouse::app
