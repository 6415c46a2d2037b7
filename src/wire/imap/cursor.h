// Walks over the text of one command: the tokens of RFC 3501 section 9. A literal stands in the text as it
// came, "{n}", line end, then its octets, so that no copy of the text is needed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::wire::imap {

// Every function takes what it names off the front and returns true, or returns false after noting an error.
// The first error sticks; the place is undefined after it.
class Cursor {
 public:
  // `utf8`: the client has enabled UTF-8, so that quoted strings have nothing else (RFC 6855 section 3).
  explicit Cursor(std::string_view text, bool utf8 = false) : text_(text), utf8_(utf8) {}

  bool at_end() const { return rest() == "\r\n"; }
  std::string_view rest() const { return text_.substr(at_); }
  bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }
  bool eat(char c);                      // if it is next; notes no error
  bool eat_word(std::string_view word);  // the same, in any case of letters

  bool space();
  bool expect(char c);
  bool tag(std::string& out);
  bool atom(std::string_view& out);
  bool quoted(std::string& out);
  bool literal(std::string& out);
  bool literal8(std::string& out);  // "~{n}", and then any octets (RFC 3516 section 7)
  bool string(std::string& out);    // quoted or literal
  bool astring(std::string& out);
  bool nstring(std::optional<std::string>& out);
  bool list_mailbox(std::string& out);  // an astring that may hold % and *
  bool number(uint32_t& out);           // 0 to 4,294,967,295
  bool number64(uint64_t& out);         // 63 bits (RFC 9051 section 9)
  bool non_zero(uint32_t& out);
  bool modseq(uint64_t& out);  // mod-sequence-valzer: 63 bits (RFC 7162 section 7)
  bool set(struct SequenceSet& out);
  bool partial(struct PartialRange& out);
  bool set_or_saved(struct SequenceSet& out);  // the same, or "$" (RFC 5182)
  // Letters, digits, "." and "-": names of commands, items and search keys.
  std::string_view word();

  bool end();  // the command's line end
  bool fail(const char* why);
  const char* error() const { return error_ ? error_ : "Syntax error"; }

  // The size of a literal whose header ends the text ("{n}" CRLF and nothing after it): a message of APPEND.
  bool open_literal(uint64_t& size, bool& synchronizing);
  // The same, or a literal8: "~{n}" (RFC 3516 section 7).
  bool open_message(struct AppendPart& out);

 private:
  bool literal_header(uint64_t& size, bool& synchronizing);
  bool digits(uint64_t& out, uint64_t most);  // notes no error
  bool any_literal(std::string& out);

  std::string_view text_;
  bool utf8_ = false;
  size_t at_ = 0;
  const char* error_ = nullptr;
};

}  // namespace posthouse::wire::imap
