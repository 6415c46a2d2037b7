#include "base/log.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <utility>

#include "base/ascii.h"
#include "base/executor.h"
#include "base/line_writer.h"

namespace posthouse::log {

using namespace std::chrono_literals;

namespace {
constexpr size_t kMaxValue = 1024;
constexpr size_t kBuffer = 16 * 1024;
constexpr std::chrono::milliseconds kPatience{1000};  // with a reader who takes nothing

std::atomic<Level> threshold{Level::info};
std::atomic<bool> buffered{false};  // something may still be in the sink's buffer

// Lines gathered for standard error, where stdio would write each by itself.
class StderrSink final : public spdlog::sinks::sink {
 public:
  void log(const spdlog::details::log_msg& message) override {
    if (!lines_.add({message.payload.data(), message.payload.size()})) ++lost_;
    if (lines_.waiting() >= kBuffer) flush();
  }
  // An event loop waits for nobody; at the end of a process, and before loops run, the reader gets a moment.
  void flush() override { lines_.flush(Executor::current() == nullptr ? kPatience : 0ms); }
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

  bool waiting() const { return lines_.waiting() != 0; }
  // How many lines were lost, once there is room again to tell.
  uint64_t take_lost() { return lines_.waiting() < LineWriter::kBacklog / 2 ? std::exchange(lost_, 0) : 0; }

 private:
  LineWriter lines_{STDERR_FILENO};
  uint64_t lost_ = 0;
};

// Who writes to whom is not for everybody on the machine.
void make_file(const std::string& path) {
  constexpr mode_t kMode = 0640;
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kMode);
  if (fd >= 0) ::close(fd);  // else the sink says why
}

struct Sink {
  std::mutex mutex;  // guards the rest
  std::shared_ptr<spdlog::logger> logger;
  std::shared_ptr<StderrSink> to_stderr;  // null: to a file
  bool json = false;

  // Standard error's lines stay the same ones: some may still wait there.
  void open(const std::string& file, bool as_json) {
    const std::lock_guard lock(mutex);
    auto lines = !file.empty() ? nullptr : to_stderr ? to_stderr : std::make_shared<StderrSink>();
    spdlog::sink_ptr to = lines;
    if (!lines) {
      make_file(file);
      to = std::make_shared<spdlog::sinks::basic_file_sink_st>(file);
    }
    to->set_pattern("%v");
    auto fresh = std::make_shared<spdlog::logger>("posthouse", to);
    fresh->set_level(spdlog::level::trace);
    if (logger) logger->flush();
    logger = std::move(fresh);
    to_stderr = std::move(lines);
    json = as_json;
  }
  void put(Level level, std::string_view event, std::initializer_list<Field> fields);
  bool unfinished() const { return to_stderr && to_stderr->waiting(); }
};

Sink& sink() {
  static Sink& the = []() -> Sink& {
    Sink& made = *new Sink;
    made.open("", false);
    return made;
  }();
  return the;
}

const char* name_of(Level level) {
  switch (level) {
    case Level::trace:
      return "trace";
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warn:
      return "warn";
    case Level::error:
      return "error";
  }
  return "info";
}

// The length of the well-formed UTF-8 character at the start of `text`, 0 if there is none.
size_t utf8_length(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  const size_t length = lead < 0x80                   ? 1
                        : lead >= 0xc2 && lead < 0xe0 ? 2
                        : lead >= 0xe0 && lead < 0xf0 ? 3
                                                      : 4;
  if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  if ((lead == 0xe0 && at(1) < 0xa0) || (lead == 0xed && at(1) > 0x9f)) return 0;  // overlong, surrogate
  if ((lead == 0xf0 && at(1) < 0x90) || (lead == 0xf4 && at(1) > 0x8f)) return 0;
  return length;
}

void append_control(std::string& out, unsigned char c, bool json) {
  if (c == '\n') {
    out += "\\n";
  } else if (c == '\r') {
    out += "\\r";
  } else if (c == '\t') {
    out += "\\t";
  } else {
    out += fmt::format(fmt::runtime(json ? "\\u{:04x}" : "\\x{:02x}"), c);
  }
}

// Between quotes: control characters never reach a terminal, and what is no UTF-8 shows as its bytes (JSON:
// U+FFFD).
void append_quoted(std::string& out, std::string_view text, bool json) {
  out.push_back('"');
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text[0]);
    const size_t length = utf8_length(text);
    if (length == 0) {
      out += json ? std::string("\\ufffd") : fmt::format("\\x{:02x}", c);
    } else if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(text[0]);
    } else if (c < 0x20 || c == 0x7f) {
      append_control(out, c, json);
    } else if (length == 2 && c == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0) {
      out += fmt::format("\\u{:04x}",
                         static_cast<unsigned char>(text[1]));  // C1 controls steer terminals as well
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out.push_back('"');
}

bool is_plain(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f)
      return false;  // <= also takes bytes above 127
  }
  return true;
}

void append_value(std::string& out, std::string_view text, bool json) {
  const bool cut = text.size() > kMaxValue;
  if (cut) text = text.substr(0, kMaxValue);
  if (!json && !cut && is_plain(text)) {
    out += text;
  } else if (cut) {
    append_quoted(out, std::string(text) + "...", json);
  } else {
    append_quoted(out, text, json);
  }
}

void append_field(std::string& out, std::string_view key, std::string_view value, bool json) {
  if (json) {
    if (out.size() > 1) out.push_back(',');
    append_quoted(out, key, true);
    out.push_back(':');
  } else {
    if (!out.empty()) out.push_back(' ');
    out += key;
    out.push_back('=');
  }
  append_value(out, value, json);
}

// The part down to seconds is made once a second.
std::string timestamp() {
  thread_local std::chrono::sys_seconds made{};
  thread_local std::string text;
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto whole = std::chrono::floor<std::chrono::seconds>(now);
  if (whole != made) {
    text = fmt::format("{:%Y-%m-%dT%H:%M:%S}", fmt::gmtime(std::chrono::system_clock::to_time_t(whole)));
    made = whole;
  }
  return fmt::format("{}.{:03}Z", text, (now - whole).count());
}

std::string text_line(Level level, std::string_view event, std::initializer_list<Field> fields) {
  std::string line = timestamp();
  line.push_back(' ');
  line += name_of(level);
  line.push_back(' ');
  line += event;
  for (const Field& field : fields) append_field(line, field.key, field.value.text(), false);
  return line;
}

std::string json_line(Level level, std::string_view event, std::initializer_list<Field> fields) {
  std::string line = "{";
  append_field(line, "ts", timestamp(), true);
  append_field(line, "level", name_of(level), true);
  append_field(line, "event", event, true);
  for (const Field& field : fields) append_field(line, field.key, field.value.text(), true);
  line.push_back('}');
  return line;
}

// $JOURNAL_STREAM has device and inode of the stream that systemd gave (systemd.exec(5)). Standard error may
// have been sent elsewhere since: a program's children inherit the variable and not always the stream.
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat info{};
  if (stream == nullptr || fstat(STDERR_FILENO, &info) != 0) return false;
  return fmt::format("{}:{}", info.st_dev, info.st_ino) == stream;
}
}  // namespace

std::string_view journal_priority(Level level) {
  static const bool journal = stderr_is_journal();
  if (!journal) return {};
  switch (level) {
    case Level::trace:
    case Level::debug:
      return "<7>";
    case Level::info:
      return "<6>";
    case Level::warn:
      return "<4>";
    case Level::error:
      return "<3>";
  }
  return {};
}

void Sink::put(Level level, std::string_view event, std::initializer_list<Field> fields) {
  std::string line = json ? json_line(level, event, fields) : text_line(level, event, fields);
  if (to_stderr) line.insert(0, journal_priority(level));
  logger->log(spdlog::level::info, spdlog::string_view_t(line));
}

void configure(Level level, const std::string& file, std::string_view format) {
  sink().open(file, iequals(format, "json"));
  threshold.store(level, std::memory_order_relaxed);
}

bool enabled(Level level) {
  return level >= threshold.load(std::memory_order_relaxed);
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (!enabled(level)) return;
  Sink& to = sink();
  const std::lock_guard lock(to.mutex);
  if (uint64_t lost = to.to_stderr ? to.to_stderr->take_lost() : 0; lost != 0) {
    to.put(Level::warn, "log.lines_lost", {{"count", lost}});
  }
  to.put(level, event, fields);
  // A system call for each line would cost more than the line; warnings must not be lost in a crash, and
  // where no event loop runs nobody comes back to write the rest.
  const bool at_once = level >= Level::warn || Executor::current() == nullptr;
  if (at_once) to.logger->flush();
  buffered.store(!at_once || to.unfinished(), std::memory_order_relaxed);
}

bool waiting() {
  return buffered.load(std::memory_order_relaxed);
}

void flush() {
  Sink& to = sink();
  const std::lock_guard lock(to.mutex);
  if (!buffered.load(std::memory_order_relaxed)) return;
  to.logger->flush();
  buffered.store(to.unfinished(), std::memory_order_relaxed);
}

}  // namespace posthouse::log
