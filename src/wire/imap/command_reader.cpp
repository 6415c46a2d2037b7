#include "wire/imap/command_reader.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "wire/imap/cursor.h"
#include "wire/imap/limits.h"
#include "wire/imap/parse/parsers.h"

namespace posthouse::wire::imap {

namespace {

constexpr size_t kTail = 64;  // as much of a skipped line as a literal header can take

// A literal header at the end of a line: "{n}" or "{n+}", then CRLF.
bool find_literal(std::string_view line, uint64_t& size, bool& synchronizing, bool& overflow) {
  if (!line.ends_with("}\r\n")) return false;
  line.remove_suffix(3);
  synchronizing = !line.ends_with('+');
  if (!synchronizing) line.remove_suffix(1);
  size_t open = line.rfind('{');
  if (open == std::string_view::npos) return false;
  std::string_view digits = line.substr(open + 1);
  if (digits.empty() || !std::all_of(digits.begin(), digits.end(), is_digit)) return false;
  auto value = parse_uint(digits);
  overflow = !value.has_value();
  size = value.value_or(UINT64_MAX);
  return true;
}

// The command's name, after its tag.
std::string_view command_name(std::string_view text) {
  size_t space = text.find(' ');
  if (space == std::string_view::npos) return {};
  text.remove_prefix(space + 1);
  return text.substr(0, text.find_first_of(" \r\n"));
}

bool literals_before_login(std::string_view name) {
  return iequals(name, "LOGIN") || iequals(name, "AUTHENTICATE") || iequals(name, "ID");
}

}  // namespace

size_t CommandReader::command_limit() const {
  return authenticated_ ? kMaxCommand : kMaxLoginLine;
}

bool CommandReader::over_limit(size_t more) const {
  return more > command_limit() - std::min(buffer_.size(), command_limit());
}

void CommandReader::reset() {
  state_ = State::line;
  std::string().swap(buffer_);
  std::string().swap(tag_);
  std::string().swap(error_);
  left_ = skipped_ = 0;
  line_start_ = 0;
  quiet_ = too_big_ = false;
}

void CommandReader::note_tag(std::string_view text) {
  if (!tag_.empty()) return;
  Cursor cursor(text);
  if (!cursor.tag(tag_) || !cursor.next_is(' ')) tag_ = "*";
}

void CommandReader::finish_literal() {
  state_ = State::line;
  line_start_ = buffer_.size();
}

// Gives up on the command. If the client waits for a continuation the next octet starts a new command;
// otherwise the line is over already or the caller goes on with skip().
Event CommandReader::reject(std::string text, bool client_waits, bool too_big) {
  if (!client_waits) {
    error_ = std::move(text);
    too_big_ = too_big;
    return NeedMore{};
  }
  Rejected out{tag_.empty() ? "*" : tag_, std::move(text), false, too_big};
  reset();
  return out;
}

// Throws away a literal that comes whether we want it or not, and then the rest of its command.
Event CommandReader::skip(uint64_t octets) {
  const uint64_t most = authenticated_ ? kMaxDiscard : kMaxLoginDiscard;
  if (octets > most || skipped_ + octets > most) {
    Rejected out{tag_.empty() ? "*" : tag_, "Too much input for one command", true, too_big_};
    reset();
    return out;
  }
  skipped_ += octets;
  left_ = octets;
  state_ = octets > 0 ? State::skip_literal : State::skip_line;
  buffer_.clear();
  return NeedMore{};
}

Event CommandReader::next(std::string_view& input) {
  while (true) {
    switch (state_) {
      case State::line:
      case State::body_tail: {
        if (input.empty()) return NeedMore{};
        const bool had_input = !input.empty();
        Event event = on_line(input);
        if (!std::holds_alternative<NeedMore>(event)) return event;
        if (had_input && !input.empty()) continue;
        if (state_ == State::line || state_ == State::body_tail) return NeedMore{};
        continue;
      }
      case State::literal: {
        if (input.empty()) return NeedMore{};
        size_t n = static_cast<size_t>(std::min<uint64_t>(left_, input.size()));
        buffer_ += input.substr(0, n);
        input.remove_prefix(n);
        left_ -= n;
        if (left_ == 0) finish_literal();
        continue;
      }
      case State::skip_literal: {
        if (input.empty()) return NeedMore{};
        size_t n = static_cast<size_t>(std::min<uint64_t>(left_, input.size()));
        input.remove_prefix(n);
        left_ -= n;
        if (left_ == 0) state_ = State::skip_line;
        continue;
      }
      case State::skip_line: {
        if (input.empty()) return NeedMore{};
        Event event = on_skip_line(input);
        if (!std::holds_alternative<NeedMore>(event)) return event;
        continue;
      }
      case State::body_offer:
      case State::body:
        return NeedMore{};  // the session has to decide, or to take the body
    }
  }
}

// Collects a line and acts at its end. A line that is whole in `input` and alone in its command is not
// copied.
Event CommandReader::on_line(std::string_view& input) {
  const size_t newline = input.find('\n');
  const size_t length = newline == std::string_view::npos ? input.size() : newline + 1;
  const std::string_view piece = input.substr(0, length);
  if (over_limit(length)) {
    // The tag and the end of the line so far stay known, however the input was cut into pieces.
    note_tag(buffer_ + std::string(piece.substr(0, kMaxTag + 2)));
    error_ = "Command too long";
    skipped_ = buffer_.size();
    buffer_.erase(0, std::max(line_start_, buffer_.size() - std::min(buffer_.size(), kTail)));
    state_ = State::skip_line;
    return NeedMore{};
  }
  input.remove_prefix(length);
  if (newline == std::string_view::npos) {
    buffer_ += piece;
    return NeedMore{};
  }
  if (buffer_.empty()) return line_done(piece, false);
  buffer_ += piece;
  return line_done(buffer_, true);
}

// Follows lines and literals of a refused command to its end, keeping only what may be a literal header.
Event CommandReader::on_skip_line(std::string_view& input) {
  const uint64_t most = authenticated_ ? kMaxDiscard : kMaxLoginDiscard;
  const size_t newline = input.find('\n');
  const size_t length = newline == std::string_view::npos ? input.size() : newline + 1;
  buffer_ += input.substr(length > kTail ? length - kTail : 0, std::min(length, kTail));
  input.remove_prefix(length);
  if (buffer_.size() > kTail) buffer_.erase(0, buffer_.size() - kTail);
  skipped_ += length;
  if (skipped_ > most) {
    Rejected out{tag_.empty() ? "*" : tag_, "Too much input for one command", true, too_big_};
    reset();
    return out;
  }
  if (newline == std::string_view::npos) return NeedMore{};
  uint64_t size = 0;
  bool synchronizing = false;
  bool overflow = false;
  if (find_literal(buffer_, size, synchronizing, overflow) && !synchronizing) {
    buffer_.clear();
    return skip(size);
  }
  const bool quiet = quiet_;
  Rejected out{tag_.empty() ? "*" : tag_, std::move(error_), false, too_big_};
  reset();
  if (quiet) return NeedMore{};
  return out;
}

Event CommandReader::line_done(std::string_view text, bool owned) {
  if (state_ == State::body_tail) return body_tail_done(text);
  note_tag(text);
  if (!text.ends_with("\r\n")) return reject("Lines end with CRLF", true);
  uint64_t size = 0;
  bool synchronizing = false;
  bool overflow = false;
  if (find_literal(text.substr(line_start_), size, synchronizing, overflow)) {
    if (overflow) return synchronizing ? reject("Literal too big", true, true) : skip(UINT64_MAX);
    return literal_announced(text, owned, size, synchronizing);
  }
  Parsed parsed;
  std::string error;
  if (!parse_command(text, parsed.tag, parsed.command, error)) return reject(std::move(error), true);
  reset();
  return parsed;
}

Event CommandReader::literal_announced(std::string_view text, bool owned, uint64_t size, bool synchronizing) {
  const std::string_view name = command_name(text);
  if (authenticated_ && iequals(name, "APPEND")) {
    bool is_mailbox = false;
    Event event = append_announced(text, is_mailbox);
    if (!is_mailbox) return event;
  }
  const char* refusal = nullptr;
  bool too_big = false;
  if (!authenticated_ && !literals_before_login(name)) refusal = "No literal is allowed here before login";
  if (!refusal && ((!authenticated_ && size > kMaxLoginLiteral) || size > command_limit() ||
                   text.size() + size > command_limit())) {
    refusal = "Literal too big";
    too_big = true;
  }
  if (refusal) {
    Event event = reject(refusal, synchronizing, too_big);
    return synchronizing ? std::move(event) : skip(size);
  }
  if (!owned) buffer_ = text;
  left_ = size;
  state_ = State::literal;
  if (size == 0) finish_literal();
  if (synchronizing) return NeedContinuation{};
  return NeedMore{};
}

// The literal of an APPEND is its mailbox (then the command goes on as any other) or its message.
Event CommandReader::append_announced(std::string_view text, bool& is_mailbox) {
  Parsed parsed;
  Append append;
  std::string error;
  uint64_t size = 0;
  bool synchronizing = false;
  bool overflow = false;
  find_literal(text.substr(line_start_), size, synchronizing, overflow);
  switch (parse_append(text, parsed.tag, append, error)) {
    case AppendParse::mailbox_literal:
      is_mailbox = true;
      return NeedMore{};
    case AppendParse::failed: {
      Event event = reject(std::move(error), synchronizing);
      return synchronizing ? std::move(event) : skip(size);
    }
    case AppendParse::message:
      break;
  }
  if (append.size > append_limit_) {
    Event event = reject("Message too big", synchronizing, true);
    return synchronizing ? std::move(event) : skip(size);
  }
  std::string tag = parsed.tag;
  reset();
  tag_ = std::move(tag);
  offer_body(append);
  parsed.command = std::move(append);
  return parsed;
}

void CommandReader::offer_body(const Append& message) {
  state_ = State::body_offer;
  left_ = message.size;
  body_synchronizing_ = message.synchronizing;
}

Event CommandReader::body_tail_done(std::string_view line) {
  uint64_t size = 0;
  bool synchronizing = false;
  bool overflow = false;
  if (line == "\r\n") {
    reset();
    return BodyEnd{};
  }
  if (find_literal(line, size, synchronizing, overflow)) return next_body(line, size, synchronizing);
  return reject("Unexpected text after the message", true);
}

Event CommandReader::next_body(std::string_view line, uint64_t size, bool synchronizing) {
  NextBody next;
  std::string error;
  const bool parsed = parse_next_message(line, next.message, error);
  if (!parsed || next.message.size > append_limit_) {
    const bool too_big = parsed;
    Event event = reject(too_big ? "Message too big" : std::move(error), synchronizing, too_big);
    return synchronizing ? std::move(event) : skip(size);
  }
  std::string().swap(buffer_);
  offer_body(next.message);
  return next;
}

void CommandReader::accept_body() {
  state_ = left_ > 0 ? State::body : State::body_tail;
}

void CommandReader::refuse_body() {
  if (body_synchronizing_) {
    reset();
    return;
  }
  quiet_ = true;
  skipped_ = 0;
  state_ = left_ > 0 ? State::skip_literal : State::skip_line;
}

std::string_view CommandReader::take_body(std::string_view& input) {
  if (state_ != State::body) return {};
  const size_t n = static_cast<size_t>(std::min<uint64_t>(left_, input.size()));
  std::string_view piece = input.substr(0, n);
  input.remove_prefix(n);
  left_ -= n;
  if (left_ == 0) state_ = State::body_tail;
  return piece;
}

}  // namespace posthouse::wire::imap
