// The fields of a header block, one after another, without copying.
//
// A header ends at the first empty line. A line in it that is neither a field nor folded continues the field
// before it (RFC 7103 section 7.2); blanks before the colon are no part of the name (section 7.4); an mbox
// "From " line in front is passed over. A block whose very first line is no field is no header at all:
// everything is body.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::message {

struct HeaderField {
  std::string_view name;   // as written, never empty
  std::string_view value;  // behind the colon, folding included, without the last line end
  size_t begin = 0;        // of the whole field in the block
  size_t end = 0;          // behind its last line end
};

// Reads `block`: a header with or without the empty line and what follows it. Line ends may be CRLF or bare
// LF. Keeps views into `block`. Linear in the length of the header.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view block);
  // The next field, or false at the end of the header.
  bool next(HeaderField& field);
  // After next() gave false: where the body begins (behind the empty line), or the end of the block.
  size_t body_begin() const { return body_begin_; }

 private:
  std::string_view block_;
  std::string_view name_;  // of the field at at_
  size_t at_ = 0;
  size_t body_begin_ = 0;
  bool done_ = false;
};

// The name of the field that begins `line`, or "" if it is no field: printable ASCII without colon, then
// optional blanks, then the colon (RFC 5322 sections 2.2 and 4.5.8).
std::string_view field_name(std::string_view line);

// Whether a line (without line end) opens an mbox message and may stand before a header.
bool is_mbox_line(std::string_view line);

// The value on one line: line ends dropped (a space put where no blank follows), NUL dropped, a lone CR is a
// space, blanks trimmed off both ends (RFC 5322 section 2.2.3).
std::string unfold(std::string_view value);
void append_unfolded(std::string& out, std::string_view value);

// Where the body begins.
size_t header_size(std::string_view block);

// The first field of that name (ASCII case ignored), or nothing.
std::optional<HeaderField> find_field(std::string_view block, std::string_view name);
std::vector<HeaderField> find_fields(std::string_view block, std::string_view name);

// For BODY[HEADER.FIELDS (...)] and .NOT (RFC 9051 section 6.4.5.1): the fields whose name is among `names`
// (or, with `inverse`, is not), as they stand, and the empty line.
std::string select_fields(std::string_view block, const std::vector<std::string>& names, bool inverse);

}  // namespace posthouse::message
