#include "mbox/scan.h"

#include <cstring>

#include "base/ascii.h"
#include "mbox/limits.h"

namespace posthouse::mbox {

namespace {

constexpr std::string_view kFrom = "From ";
constexpr std::string_view kPseudoSubject = "DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA";

bool is_blank(std::string_view line) {
  return line == "\n" || line == "\r\n";
}

std::string_view without_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

Scanner::Scanner(Sink sink, EndCheck check, Resume resume)
    : sink_(std::move(sink)),
      check_(std::move(check)),
      base_(std::move(resume.base)),
      last_uid_(resume.last_uid),
      first_record_(resume.offset == 0),
      offset_(resume.offset),
      line_start_(resume.offset) {
  start_line();
}

Result<void> Scanner::feed(std::string_view piece) {
  while (!piece.empty() && !bad_) {
    ++operations_;
    const void* end = std::memchr(piece.data(), '\n', piece.size());
    const size_t length =
        end == nullptr ? piece.size() : static_cast<size_t>(static_cast<const char*>(end) - piece.data()) + 1;
    operations_ += length;
    take(piece.substr(0, length));
    if (end != nullptr) {
      line_ended_ = true;
      end_line();
    }
    piece.remove_prefix(length);
  }
  if (bad_) return fail(FaultKind::syntax, "not an mbox: it does not begin with a From_ line");
  return {};
}

Result<void> Scanner::finish() {
  if (offset_ > line_start_) {
    line_ended_ = false;
    torn_ = true;
    end_line();
  }
  if (bad_) return fail(FaultKind::syntax, "not an mbox: it does not begin with a From_ line");
  if (part_ != Part::first_line) end_record();
  part_ = Part::first_line;
  return {};
}

void Scanner::start_line() {
  line_start_ = offset_;
  line_.clear();
  state_ = Line::undecided;
  from_prefix_ = false;
  line_ended_ = false;
  quotes_ = 0;
  from_match_ = 0;
  quotes_open_ = true;
}

// `bytes` are of one line; the line goes on.
void Scanner::take(std::string_view bytes) {
  offset_ += bytes.size();
  for (size_t i = 0; quotes_open_ && i < bytes.size(); ++i) {
    ++operations_;
    if (from_match_ == 0 && bytes[i] == '>') {
      ++quotes_;
    } else if (bytes[i] == kFrom[from_match_]) {
      if (++from_match_ == kFrom.size()) quotes_open_ = false;
    } else {
      quotes_open_ = false;
      from_match_ = 0;
    }
  }
  if (state_ == Line::passed) return pass(bytes);
  const size_t room = kMaxHeaderLine - line_.size();
  line_.append(bytes.substr(0, room));
  decide();
  if (state_ == Line::passed) {
    flush_blank();
    pass(line_);
    line_.clear();
    pass(bytes.substr(std::min(room, bytes.size())));
  }
}

// Whether the line must be known as a whole: every header line may belong to the file, and in a body a line
// that begins with "From " may begin a record, a blank one may be the one between two.
void Scanner::decide() {
  if (state_ == Line::undecided && line_.size() >= kFrom.size()) {
    from_prefix_ = line_.starts_with(kFrom);
    state_ = Line::kept;
  }
  if (state_ != Line::kept) return;
  if (part_ == Part::body) {
    if (!from_prefix_ || line_.size() > kMaxFromLine + 2) state_ = Line::passed;
  } else if (part_ == Part::header && line_.size() >= kMaxHeaderLine) {
    const Field field = field_of(line_, after_length_);
    const bool continues = is_wsp(line_[0]) && after_hidden_;
    if (field == Field::none && !continues) state_ = Line::passed;
  } else if (part_ == Part::first_line && line_.size() > kMaxFromLine + 2) {
    bad_ = true;
  }
}

void Scanner::pass(std::string_view bytes) {
  raw_.update(bytes);
  show(bytes);
}

void Scanner::show(std::string_view bytes) {
  if (bytes.empty()) return;
  shown_.update(bytes);
  record_.size_lf += bytes.size();
  last_shown_lf_ = bytes.back() == '\n';
  if (last_shown_lf_) {
    const bool cr = bytes.size() >= 2 ? bytes[bytes.size() - 2] == '\r' : last_ == '\r';
    if (!cr) ++added_;
    last_shown_cr_ = cr;
  }
  last_ = bytes.back();
}

void Scanner::hold_blank() {
  flush_blank();
  blank_ = line_;
}

void Scanner::flush_blank() {
  if (blank_.empty()) return;
  const std::string blank = std::exchange(blank_, {});
  pass(blank);
}

void Scanner::end_line() {
  if (end_possible_from_line()) {
    start_line();
    return;
  }
  if (part_ == Part::first_line) {
    bad_ = true;
    return;
  }
  if (part_ == Part::header) {
    end_header_line();
  } else if (state_ != Line::passed && is_blank(line_)) {
    hold_blank();
  } else if (state_ != Line::passed) {
    flush_blank();
    pass(line_);
  }
  if (quotes_ > 0 && from_match_ == kFrom.size()) ++quoted_;
  if (part_ == Part::body && quotes_ == 0 && from_match_ == kFrom.size()) bare_from_ = true;
  start_line();
}

bool Scanner::end_possible_from_line() {
  if (state_ == Line::passed || !line_.starts_with(kFrom) || line_.size() > kMaxFromLine + 2) return false;
  if (line_start_ < body_until_) return false;
  auto from = parse_from_line(without_end(line_));
  if (!from || (part_ == Part::first_line && !line_ended_)) return false;
  if (!line_ended_) return false;  // a torn one may still become anything
  if (part_ != Part::first_line) end_record();
  begin_record(std::move(*from));
  return true;
}

void Scanner::begin_record(FromLine from) {
  record_ = Record{};
  record_.offset = line_start_;
  record_.start = offset_;
  record_.from = std::move(from);
  part_ = Part::header;
  shown_.reset();
  raw_.reset();
  raw_.update(line_);
  added_ = quoted_ = 0;
  bare_from_ = after_length_ = after_hidden_ = form_ = false;
  content_length_.reset();
  body_until_ = 0;
  last_ = '\n';
  last_shown_lf_ = last_shown_cr_ = false;
}

void Scanner::end_header_line() {
  if (state_ == Line::passed) {
    after_length_ = after_hidden_ = false;
    return;
  }
  if (is_blank(line_)) {
    end_header();
    hold_blank();
    return;
  }
  const bool continues = is_wsp(line_[0]) && after_hidden_;
  const Field field = continues ? Field::none : field_of(line_, after_length_);
  if ((field != Field::none || continues) && record_.hidden.size() < kMaxHiddenLines) {
    hide(field, continues);
    raw_.update(line_);
    return;
  }
  after_length_ = after_hidden_ = false;
  constexpr std::string_view kSubject = "Subject:";
  if (first_record_ && istarts_with(line_, kSubject) && value_of(line_) == kPseudoSubject)
    record_.pseudo = true;
  pass(line_);
}

void Scanner::hide(Field field, bool continues) {
  record_.hidden.push_back({field, continues, line_start_, offset_ - line_start_});
  if (continues) return;
  after_length_ = field == Field::content_length;
  after_hidden_ = field != Field::form;  // behind our own line the message begins, even with a blank
  read_field(field);
}

void Scanner::read_field(Field field) {
  const std::string_view value = value_of(line_);
  switch (field) {
    case Field::status:
    case Field::x_status:
      return read_status(value, record_.metadata.flags);
    case Field::keywords:
      if (record_.metadata.keywords.empty()) record_.metadata.keywords = read_keywords(value);
      return;
    case Field::base:
    case Field::imap:
      if (first_record_ && !record_.base) record_.base = read_base(value);
      return;
    case Field::form:
      form_ = value == "open";
      return;
    default:
      return read_number(field, value);
  }
}

void Scanner::read_number(Field field, std::string_view value) {
  const auto number = parse_uint(value);
  if (!number) return;
  if (field == Field::content_length && !content_length_) content_length_ = *number;
  if (field == Field::uid && record_.claimed_uid == 0 && *number <= UINT32_MAX) {
    record_.claimed_uid = static_cast<uint32_t>(*number);
  }
}

void Scanner::end_header() {
  part_ = Part::body;
  record_.body = offset_;
  if (!content_length_ || !check_ || *content_length_ > UINT64_MAX / 2 - offset_) return;
  ++operations_;
  if (const auto next = check_(offset_ + *content_length_)) body_until_ = *next;
}

// A UID from the file is believed when the file's own data covers it and it is above those before it: letters
// that are delivered may bring such a line along. Dovecot has the same rule.
void Scanner::judge_uid() {
  if (first_record_) base_ = record_.base;
  const uint32_t uid = record_.claimed_uid;
  if (record_.pseudo || uid == 0 || !base_ || uid > base_->last_uid || uid <= last_uid_) return;
  record_.metadata.uid = last_uid_ = uid;
}

void Scanner::end_record() {
  record_.next = line_start_;
  record_.end = line_start_ - blank_.size();
  blank_.clear();
  if (part_ == Part::header || record_.body > record_.end) record_.body = record_.end;
  record_.torn = torn_;
  record_.unquote = body_until_ == 0 || !bare_from_;
  if (record_.unquote) record_.size_lf -= quoted_;
  record_.size = record_.size_lf + added_;
  record_.open = form_ && last_shown_lf_;
  if (record_.open) {
    --record_.size_lf;
    record_.size -= last_shown_cr_ ? 1 : 2;
  }
  record_.digest = shown_.digest();
  record_.raw = raw_.digest();
  judge_uid();
  first_record_ = false;
  sink_(std::move(record_));
}

std::optional<uint64_t> next_record_at(uint64_t offset,
                                       const std::function<std::string(uint64_t, size_t)>& read) {
  if (offset == 0) return std::nullopt;
  const std::string text = read(offset - 1, kMaxFromLine + 8);
  if (text.empty()) return std::nullopt;  // beyond the end
  std::string_view rest(text);
  bool line_start = rest.front() == '\n';
  rest.remove_prefix(1);
  if (rest.empty()) return offset;
  for (int blank_lines = 0;; ++blank_lines) {
    const std::string_view line = rest.substr(0, std::min(rest.find('\n'), rest.size() - 1) + 1);
    if (line_start && line.ends_with('\n') && parse_from_line(without_end(line))) return offset;
    if (blank_lines > 0 || !is_blank(line)) return std::nullopt;
    offset += line.size();
    rest.remove_prefix(line.size());
    line_start = true;
    if (rest.empty()) return offset;
  }
}

}  // namespace posthouse::mbox
