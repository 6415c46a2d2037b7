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

// One whose literals are messages.
bool has_message(std::string_view text) {
  std::string_view name = command_name(text);
  if (iequals(name, "UID")) name = command_name(text.substr(static_cast<size_t>(name.data() - text.data())));
  return iequals(name, "APPEND") || iequals(name, "REPLACE");
}

// A command has one answer with its tag.
std::string tag_to_answer(const std::string& tag, bool answered) {
  return answered || tag.empty() ? "*" : tag;
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
  tail_ = quiet_ = too_big_ = false;
  open_ = {};
}

void CommandReader::note_tag(std::string_view text) {
  if (!tag_.empty()) return;
  Cursor cursor(text);
  if (!cursor.tag(tag_) || !cursor.next_is(' ')) tag_ = "*";
}

void CommandReader::finish_literal() {
  state_ = tail_ ? State::body_tail : State::line;
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
  Rejected out{tag_to_answer(tag_, quiet_), std::move(text), false, too_big};
  reset();
  return out;
}

// Throws away a literal that comes whether we want it or not, and then the rest of its command.
Event CommandReader::skip(uint64_t octets) {
  const uint64_t most = authenticated_ ? kMaxDiscard : kMaxLoginDiscard;
  if (octets > most || skipped_ + octets > most) {
    Rejected out{tag_to_answer(tag_, quiet_), "Too much input for one command", true, too_big_};
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
    Rejected out{tag_, "Command too long"};
    skipped_ = buffer_.size();
    buffer_.erase(0, std::max(line_start_, buffer_.size() - std::min(buffer_.size(), kTail)));
    state_ = State::skip_line;
    quiet_ = true;  // the line may never end
    return out;
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
    Rejected out{tag_to_answer(tag_, quiet_), "Too much input for one command", true, too_big_};
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
  Rejected out{tag_to_answer(tag_, quiet_), std::move(error_), false, too_big_};
  reset();
  if (quiet) return NeedMore{};
  return out;
}

Event CommandReader::line_done(std::string_view text, bool owned) {
  if (state_ == State::body_tail) return body_tail_done(text, owned);
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
  if (!parse_command(text, utf8_, parsed.tag, parsed.command, error)) return reject(std::move(error), true);
  reset();
  return parsed;
}

Event CommandReader::literal_announced(std::string_view text, bool owned, uint64_t size, bool synchronizing) {
  if (authenticated_ && has_message(text)) {
    bool inner = false;
    Event event = append_announced(text, inner);
    if (!inner) return event;
  }
  const std::string_view name = command_name(text);
  if (!authenticated_ && !literals_before_login(name)) {
    return refuse_line("No literal is allowed here before login", true, size, synchronizing, false);
  }
  return inner_literal(text, owned, size, synchronizing);
}

// A literal that is a string of the command.
Event CommandReader::inner_literal(std::string_view text, bool owned, uint64_t size, bool synchronizing) {
  if ((!authenticated_ && size > kMaxLoginLiteral) || size > command_limit() ||
      text.size() + size > command_limit()) {
    return refuse_line("Literal too big", true, size, synchronizing, true);
  }
  if (!owned) buffer_ = text;
  left_ = size;
  state_ = State::literal;
  if (size == 0) finish_literal();
  if (synchronizing) return NeedContinuation{};
  return NeedMore{};
}

// Refuses the command whose line has just ended, and takes a literal that comes nevertheless.
Event CommandReader::refuse_line(std::string text, bool has_literal, uint64_t size, bool synchronizing,
                                 bool too_big) {
  const bool comes = has_literal && !synchronizing;
  Event event = reject(std::move(text), !comes, too_big);
  return comes ? skip(size) : std::move(event);
}

// The literal is one of the messages, or a string before it (then the command goes on as any other).
Event CommandReader::append_announced(std::string_view text, bool& inner) {
  Parsed parsed;
  AppendOpen open;
  std::string error;
  uint64_t size = 0;
  bool synchronizing = false;
  bool overflow = false;
  find_literal(text.substr(line_start_), size, synchronizing, overflow);
  const AppendParse result = parse_append(text, utf8_, parsed.tag, parsed.command, open, error);
  inner = result == AppendParse::inner;
  if (inner) return NeedMore{};
  if (result != AppendParse::literal) return refuse_line(std::move(error), true, size, synchronizing, false);
  const auto* replace = std::get_if<Replace>(&parsed.command);
  const Append& append = replace != nullptr ? replace->message : std::get<Append>(parsed.command);
  const AppendPart literal = append.parts.back();
  if (literal.size > append_limit_) return refuse_line("Message too big", true, size, synchronizing, true);
  std::string tag = parsed.tag;
  reset();
  tag_ = std::move(tag);
  offer_body(literal, open);
  return parsed;
}

void CommandReader::offer_body(const AppendPart& literal, AppendOpen open) {
  state_ = State::body_offer;
  left_ = literal.size;
  body_synchronizing_ = literal.synchronizing;
  open_ = open;
  tail_ = true;
}

Event CommandReader::body_tail_done(std::string_view text, bool owned) {
  uint64_t size = 0;
  bool synchronizing = false;
  bool overflow = false;
  const bool has_literal = find_literal(text.substr(line_start_), size, synchronizing, overflow);
  AppendParts parts;
  std::string error;
  switch (parse_append_tail(text, utf8_, open_, parts, error)) {
    case AppendParse::failed:
      return refuse_line(std::move(error), has_literal, size, synchronizing, false);
    case AppendParse::inner:
      return inner_literal(text, owned, size, synchronizing);
    case AppendParse::complete:
      reset();
      return BodyEnd{std::move(parts)};
    case AppendParse::literal:
      break;
  }
  if (size > append_limit_) return refuse_line("Message too big", has_literal, size, synchronizing, true);
  std::string().swap(buffer_);
  line_start_ = 0;
  offer_body(parts.back(), open_);
  return NextBody{std::move(parts)};
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
