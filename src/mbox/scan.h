// Finds the messages of an mbox while it streams by, in pieces of any size. Reads all dialects: mboxo,
// mboxrd, mboxcl and mboxcl2. Time grows with the input, memory does not.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mbox/from_line.h"
#include "mbox/hash.h"
#include "mbox/metadata.h"

namespace posthouse::mbox {

// A header line that is not shown to readers of the message (its continuations are entries of their own).
struct HiddenLine {
  Field field = Field::none;
  bool continues = false;
  uint64_t offset = 0;
  uint64_t length = 0;  // with line end
};

struct Record {
  uint64_t offset = 0;       // of the From_ line
  uint64_t start = 0;        // behind the From_ line
  uint64_t body = 0;         // behind the blank line that ends the header; == end when there is none
  uint64_t end = 0;          // behind the last octet of the message, before the blank line that follows it
  uint64_t next = 0;         // of the next From_ line, or the end of the file
  FromLine from;             // who and when (IMAP's INTERNALDATE)
  Metadata metadata;         // its UID only when it may be believed, see claimed_uid
  uint32_t claimed_uid = 0;  // X-UID as it stands there, which any sender may have written
  std::optional<Base> base;  // X-IMAPbase or X-IMAP, in the first record only
  bool pseudo = false;       // c-client's own message: not to be shown, to be kept
  bool unquote = true;       // ">From " stands for "From " (not so in mboxcl2)
  bool open = false;         // the message's last line has no line end, though the file has one
  bool torn = false;         // the last line of the file has no line end
  bool exact = true;         // what append() wrote: the record reads as the very octets that came
  std::vector<HiddenLine> hidden;
  uint64_t size_lf = 0;  // of what is shown, with LF
  uint64_t size = 0;     // and as IMAP shows it, with CRLF
  Digest digest = {};    // of what is shown, as stored: the same when flags, keywords or UID change
  Digest raw = {};       // of everything from the From_ line to `end`
};

// What must be known to go on behind records that were read before.
struct Resume {
  uint64_t offset = 0;
  std::optional<Base> base;
  uint32_t last_uid = 0;  // of the records before
};

// Where the next record starts when a body ends at `offset`: there, or behind one blank line. Nothing when
// neither a From_ line nor the end of the file stands there.
using EndCheck = std::function<std::optional<uint64_t>(uint64_t offset)>;

class Scanner {
 public:
  using Sink = std::function<void(Record&&)>;

  // Without `check` Content-Length is not believed. Starts at the start of a record.
  explicit Scanner(Sink sink, EndCheck check = {}, Resume resume = {});

  // Fails with syntax when the first line is no From_ line; nothing was told to the sink then.
  Result<void> feed(std::string_view piece);
  Result<void> finish();

  bool in_header() const { return part_ != Part::body; }  // the header of the record at hand is not complete
  const Record& current() const { return record_; }
  const std::optional<Base>& base() const { return base_; }
  uint64_t operations() const { return operations_; }  // work done, for tests of its growth

 private:
  enum class Part { first_line, header, body };
  enum class Line { undecided, kept, passed };  // whether the line is collected in line_

  void take(std::string_view bytes);
  void pass(std::string_view bytes);
  void decide();
  void end_line();
  bool end_possible_from_line();
  void begin_record(FromLine from);
  void end_record();
  void end_header_line();
  void hide(Field field, bool continues);
  void read_field(Field field);
  void read_number(Field field, std::string_view value);
  void end_header();
  void judge_uid();
  void count_line_end();
  void hold_blank();
  void flush_blank();
  void show(std::string_view bytes);
  void start_line();

  Sink sink_;
  EndCheck check_;
  std::optional<Base> base_;
  uint32_t last_uid_;
  bool first_record_;
  uint64_t operations_ = 0;

  Part part_ = Part::first_line;
  bool bad_ = false;
  uint64_t offset_;  // of the next octet
  uint64_t line_start_;
  Line state_ = Line::undecided;
  std::string line_;          // the kept start of the line
  bool line_ended_ = false;   // the line at hand ends with LF
  bool from_prefix_ = false;  // it begins with "From "
  size_t quotes_ = 0;         // '>' it begins with
  size_t from_match_ = 0;     // octets of "From " behind them
  bool quotes_open_ = true;
  char last_ = '\n';   // the octet before the next one, in this line
  std::string blank_;  // a blank line that may be the one between records

  Record record_;
  Hash shown_;
  Hash raw_;
  uint64_t added_ = 0;   // CRs that IMAP sees and the file has not
  uint64_t quoted_ = 0;  // lines that begin with quoted "From "
  bool bare_from_ = false;
  bool after_length_ = false;
  bool after_hidden_ = false;
  bool form_ = false;
  bool torn_ = false;
  std::optional<uint64_t> content_length_;
  uint64_t body_until_ = 0;  // Content-Length is believed: From_ lines before this are text
  bool last_shown_cr_ = false;
  bool last_shown_lf_ = false;
};

// How an EndCheck answers for a file whose octets `read` gives: `read(offset, n)` returns up to n octets.
std::optional<uint64_t> next_record_at(uint64_t offset,
                                       const std::function<std::string(uint64_t, size_t)>& read);

}  // namespace posthouse::mbox
