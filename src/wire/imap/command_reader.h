// Takes the client's octets and gives commands, without any input or output of its own: command lines,
// literals (RFC 3501 section 4.3, RFC 7888), the message of an APPEND as a stream, and recovery after errors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "wire/imap/append_open.h"
#include "wire/imap/command.h"

namespace posthouse::wire::imap {

struct NeedMore {};          // all input was taken; feed more
struct NeedContinuation {};  // send "+ ..." now: the client waits to send a literal
struct Parsed {
  std::string tag;
  Command command;
};
// The command is refused: send "tag BAD text". `fatal`: input can't be followed any more, end with BYE
// instead.
struct Rejected {
  std::string tag;  // "*" when it could not be read
  std::string text;
  bool fatal = false;
  bool too_big =
      false;  // a literal over the limit: add TOOBIG (RFC 7889 section 4 of APPEND, RFC 7888 section 4)
};
// The command that an accepted literal of APPEND belongs to is complete. With what stands behind it.
struct BodyEnd {
  AppendParts parts;
};
// Behind an accepted literal of APPEND a further one is announced, the last of these: accept or refuse it,
// too.
struct NextBody {
  AppendParts parts;
};

using Event = std::variant<NeedMore, NeedContinuation, Parsed, Rejected, BodyEnd, NextBody>;

// One per session. Holds at most the limits of limits.h; nothing while idle. Not thread-safe.
class CommandReader {
 public:
  // Raises the limits from those before login to those after, and allows literals everywhere.
  void set_authenticated(bool authenticated) { authenticated_ = authenticated; }
  // The client has enabled UTF-8: quoted strings with anything else are refused (RFC 6855 section 3).
  void set_utf8(bool utf8) { utf8_ = utf8; }
  // The largest message APPEND may announce.
  void set_append_limit(uint64_t octets) { append_limit_ = octets; }

  // Takes octets off the front of `input` until something is to be done; call again with the rest after doing
  // it.
  Event next(std::string_view& input);

  // After an Append or Replace that ends with a literal: go on with that (the session sends "+" first if it
  // is synchronizing) or refuse it. A refused one that comes anyway is taken by next() and thrown away, with
  // the rest of the command.
  bool offers_body() const { return state_ == State::body_offer; }
  // An accepted literal was taken, or is being taken: the rest of its command is still to come.
  bool accepts_body() const { return state_ == State::body || state_ == State::body_tail; }
  void accept_body();
  void refuse_body();
  // The next octets of the accepted literal, off the front of `input`; empty when there are none now.
  std::string_view take_body(std::string_view& input);
  uint64_t body_left() const { return state_ == State::body ? left_ : 0; }

  // Nothing of a command was seen yet.
  bool idle() const { return state_ == State::line && buffer_.empty(); }

 private:
  enum class State : uint8_t { line, literal, body_offer, body, body_tail, skip_line, skip_literal };

  Event on_line(std::string_view& input);
  Event on_skip_line(std::string_view& input);
  Event line_done(std::string_view text, bool owned);
  Event literal_announced(std::string_view text, bool owned, uint64_t size, bool synchronizing);
  Event append_announced(std::string_view text, bool& inner);
  Event inner_literal(std::string_view text, bool owned, uint64_t size, bool synchronizing);
  void finish_literal();
  Event body_tail_done(std::string_view text, bool owned);
  Event refuse_line(std::string text, bool has_literal, uint64_t size, bool synchronizing, bool too_big);
  void offer_body(const AppendPart& literal, AppendOpen open);
  bool over_limit(size_t more) const;
  Event reject(std::string text, bool client_waits, bool too_big = false);
  Event skip(uint64_t octets);
  void note_tag(std::string_view text);
  void reset();
  size_t command_limit() const;

  State state_ = State::line;
  bool authenticated_ = false;
  bool utf8_ = false;
  bool body_synchronizing_ = false;
  bool tail_ = false;   // the text is behind a literal of an APPEND
  bool quiet_ = false;  // what is skipped was answered already
  bool too_big_ = false;
  uint64_t append_limit_ = 50ull << 20;
  uint64_t left_ = 0;  // octets of a literal still to come
  uint64_t skipped_ = 0;
  size_t line_start_ = 0;  // in buffer_, after the last literal: what stands before it is no literal header
  std::string buffer_;     // the command so far; while skipping, the end of the line so far
  AppendOpen open_;        // what the literal of an APPEND belongs to
  std::string tag_, error_;
};

}  // namespace posthouse::wire::imap
