// Takes the dots and the end mark off the text that follows DATA (RFC 5321 section 4.5.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace posthouse::wire::smtp {

// Only CRLF "." CRLF ends the text (RFC 5321 section 4.1.1.4); a CR without LF or a LF without CR is a defect
// that the caller answers with a refusal, so that no second letter can be smuggled inside the first. The
// decoder copies nothing: the spans it gives point into the input or to constants. Bytes, end and defect do
// not depend on how the input is cut into pieces (with a defect, how much was given before it may).
class DataDecoder {
 public:
  enum class Defect { none, bare_cr, bare_lf, line_too_long };

  struct Piece {
    std::string_view body;  // decoded bytes, with CRLF line ends; may be empty
    size_t consumed = 0;    // bytes of the input that are done with; call again with the rest
    bool end = false;       // the end mark was consumed; what follows are commands
  };

  // Looks at `input` and gives the next span. Consumes at least one byte unless `input` is empty. After a
  // defect the bodies are empty while it goes on looking for the end.
  Piece next(std::string_view input);

  Defect defect() const { return defect_; }
  // Bytes given as body so far, and the longest line among them without its CRLF.
  uint64_t size() const { return size_; }
  uint64_t longest_line() const { return longest_line_; }

 private:
  enum class State {
    line_start,  // the last bytes were CRLF, or nothing came yet
    in_line,
    cr,      // a CR came that belongs to the text and has not been given yet
    dot,     // a dot at the start of a line: held back
    dot_cr,  // and a CR after it
  };

  std::optional<Piece> step(char c);
  Piece run(std::string_view input);
  Piece break_off(const char* begin, const char* line, const char* bad, Defect defect);
  Piece give(std::string_view body, size_t consumed);
  void count_line(size_t bytes);
  void spoil(Defect defect);

  State state_ = State::line_start;
  Defect defect_ = Defect::none;
  uint64_t size_ = 0;
  uint64_t line_ = 0;
  uint64_t longest_line_ = 0;
};

}  // namespace posthouse::wire::smtp
