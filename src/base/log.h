// Structured logs: one event a line, a name and key=value fields. Thread-safe; the only global of the
// program.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace posthouse::log {

enum class Level { trace, debug, info, warn, error };

// A value as it will be printed: quoted when it needs to be, control characters escaped, cut at 1,024 bytes.
class Value {
 public:
  Value(std::string_view text) : text_(text) {}    // NOLINT(google-explicit-constructor)
  Value(const std::string& text) : text_(text) {}  // NOLINT(google-explicit-constructor)
  Value(const char* text) : text_(text) {}         // NOLINT(google-explicit-constructor)
  Value(const Secret&) : text_("***") {}           // NOLINT(google-explicit-constructor)
  Value(bool b) : text_(b ? "yes" : "no") {}       // NOLINT(google-explicit-constructor)
  template <class N>
    requires std::integral<N> || std::floating_point<N>
  Value(N number) : text_(std::to_string(number)) {}  // NOLINT(google-explicit-constructor)
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

struct Field {
  std::string_view key;  // snake_case; "sid" is the session's id
  Value value;
};

// "<4>" and the like where standard error is systemd's journal, which takes a line's priority from it
// (sd-daemon(3)), and nothing elsewhere. For what is printed there besides the log, too.
std::string_view journal_priority(Level level);

// Configures the sink once, at start. `file` empty: standard error. `format`: "text" (logfmt) or "json".
// Reopens the file when called again (log rotation). Throws std::exception when the file cannot be opened;
// the log then stays as it was. Warnings and errors are written at once, and so is all that comes from a
// thread without an event loop; the rest within about 50 ms (see flush()). Nobody waits for a reader of
// standard error who has stopped: up to 1 MiB is kept for him, and "log.lines_lost" counts what did not fit.
void configure(Level level, const std::string& file, std::string_view format);
bool enabled(Level level);
void write(Level level, std::string_view event, std::initializer_list<Field> fields);
bool waiting();  // something is buffered
void flush();    // writes out what is still buffered; event loops see to it

// event: room.what_happened, for instance "smtp.rcpt_refused".
inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
  if (enabled(Level::debug)) write(Level::debug, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
  if (enabled(Level::info)) write(Level::info, event, fields);
}
inline void warn(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::warn, event, fields);
}
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::error, event, fields);
}

}  // namespace posthouse::log
