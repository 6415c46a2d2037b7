// The streaming pass over a message. Lines are looked at where boundaries can be; else bytes are only
// counted.
#include <algorithm>
#include <cstring>

#include "base/ascii.h"
#include "message/body_lists.h"
#include "message/body_watch.h"
#include "message/content_field.h"
#include "message/header_summary.h"
#include "message/headers.h"
#include "message/limits.h"
#include "message/scan.h"
#include "message/summary.h"

namespace posthouse::message {
namespace {

// An entity whose end has not been seen. Its Part stays where it is until then: only its parent's list of
// children could move it, and that grows only when it is closed.
struct Open {
  Part* part = nullptr;
  Envelope* envelope = nullptr;  // where its header's envelope goes, of an embedded message's root
  std::string boundary;          // of a multipart whose parts are looked for; else ""
  uint64_t lines_before_body = 0;
  bool epilogue = false;  // its closing boundary has been seen
  bool digest = false;
};

// As much of a line as a delimiter can take, blanks at its end included.
constexpr size_t kLineStart = limits::kBoundary + 1024;

// Octets of a header for which room is made at once.
constexpr size_t kUsualHeader = 2048;

struct BoundaryMatch {
  size_t index = 0;  // in the stack of open entities
  bool found = false, closing = false;
};

// How a delimiter line without its blanks compares with a boundary: 2 it itself, 1 the closing one, 0
// neither.
int compare_delimiter(std::string_view line, std::string_view boundary) {
  if (!line.starts_with(boundary)) return 0;
  line.remove_prefix(boundary.size());
  if (line.empty()) return 2;
  return line == "--" ? 1 : 0;
}

// A line that begins with "--", without that and the blanks and the line end behind it.
std::string_view delimiter_text(std::string_view line) {
  line.remove_prefix(2);
  while (!line.empty() && (is_wsp(line.back()) || line.back() == '\r' || line.back() == '\n'))
    line.remove_suffix(1);
  return line;
}

std::string boundary_of(const Parameters& parameters) {
  std::string boundary(find_parameter(parameters, "boundary"));
  if (boundary.empty()) boundary = parameter_text(parameters, "boundary");  // in the form of RFC 2231
  while (boundary.ends_with(' ')) boundary.pop_back();
  return boundary;
}

bool is_identity_encoding(std::string_view encoding) {
  return !iequals(encoding, "base64") && !iequals(encoding, "quoted-printable");
}

bool names_message(const Part& part) {
  return iequals(part.type, "message") &&
         (iequals(part.subtype, "rfc822") || iequals(part.subtype, "global"));
}

}  // namespace

struct Summarizer::Impl {
  // counting: no boundary is open, or a limit was hit; lines don't matter.
  enum class Mode { header, body, counting };

  Summary summary;
  Budget budget{limits::kKeptText, limits::kAddresses};
  std::vector<Open> open;
  std::string header;  // of the entity being read, up to the limit
  std::string line;    // start of a line that came in pieces
  size_t parts = 1;
  uint64_t offset = 0;       // of the next byte
  uint64_t line_begin = 0;   // of the line being read
  uint64_t line_feeds = 0;   // before `offset`
  size_t header_line = 0;    // where the current line begins in `header`
  size_t last_line_end = 0;  // octets of the line end before `line_begin`
  size_t boundaries = 0;     // multiparts in `open`
  char last_byte = 0;
  Mode mode = Mode::header;
  bool header_full = false;
  bool first_header_line = true;
  BodyWatch watch;           // of the part in `open`'s back, if it has no parts itself
  bool line_held = false;    // `line` was kept from `watch`: it may be a delimiter
  bool line_passed = false;  // it is too long to be kept, and is a delimiter

  Impl() { push(summary.root, 0, nullptr); }

  void push(Part& part, uint64_t begin, Envelope* envelope) {
    part.header_begin = begin;
    open.push_back({&part, envelope, {}, 0, false, false});
    start_header();
  }

  void start_header() {
    mode = Mode::header;
    header.clear();
    header_line = 0;
    header_full = false;
    first_header_line = true;
  }

  void feed(std::string_view bytes);
  std::string_view feed_header(std::string_view bytes);
  size_t pass_field_lines(std::string_view bytes);
  std::string_view feed_body(std::string_view bytes);
  void feed_counting(std::string_view bytes);
  void keep_header(std::string_view piece);
  void keep_line_start(std::string_view piece) {
    if (line.size() < kLineStart) line.append(piece.substr(0, kLineStart));
  }

  void header_line_done(std::string_view start);
  void body_line_done(std::string_view start);
  void end_line(size_t line_end_size);
  void end_header(uint64_t body_begin);
  // The same where the header of an embedded message would begin at the same place: it is empty.
  void end_headers(uint64_t body_begin) {
    while (mode == Mode::header) end_header(body_begin);
  }
  void read_header();
  void descend();
  void watch_body(Part& part);
  void feed_piece(std::string_view piece);
  bool end_piece(std::string_view piece);
  size_t pass_regular_lines(std::string_view bytes);
  void set_body_mode() { mode = boundaries > 0 ? Mode::body : Mode::counting; }

  BoundaryMatch match(std::string_view start) const;
  bool take_boundary(std::string_view start);
  void close_above(size_t index, uint64_t body_end, uint64_t lines);
  void close_top(uint64_t body_end, uint64_t lines);
  void add_child(size_t index, uint64_t begin);
  Summary finish();
};

void Summarizer::Impl::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    switch (mode) {
      case Mode::header:
        bytes = feed_header(bytes);
        break;
      case Mode::body:
        bytes = feed_body(bytes);
        break;
      case Mode::counting:
        feed_counting(bytes);
        return;
    }
  }
}

void Summarizer::Impl::feed_counting(std::string_view bytes) {
  const ScanResult seen = scan(bytes);
  line_feeds += seen.line_feeds;
  summary.has_8bit_body |= seen.has_8bit;
  offset += bytes.size();
  if (watch.active()) watch.feed(bytes);
}

void Summarizer::Impl::keep_header(std::string_view piece) {
  if (header.size() + piece.size() > limits::kHeaderBytes) {
    header_full = true;
    budget.truncated = true;
    summary.has_8bit_header |= scan(piece).has_8bit;
    piece = piece.substr(0, limits::kHeaderBytes - header.size());
  }
  header.append(piece);
}

// Whole lines at the start of `bytes` that neither end the header nor can be a delimiter: how much they are.
size_t Summarizer::Impl::pass_field_lines(std::string_view bytes) {
  if (first_header_line || !line.empty()) return 0;
  const char* const begin = bytes.data();
  const char* const end = begin + bytes.size();
  const char* at = begin;
  while (at != end && *at != '\r' && *at != '\n' && (*at != '-' || boundaries == 0)) {
    const void* lf = std::memchr(at, '\n', static_cast<size_t>(end - at));
    if (lf == nullptr) break;
    at = static_cast<const char*>(lf) + 1;
    ++line_feeds;
  }
  const auto size = static_cast<size_t>(at - begin);
  if (size == 0) return 0;
  keep_header(bytes.substr(0, size));
  header_line = header.size();
  offset += size;
  end_line(size > 1 && at[-2] == '\r' ? 2 : 1);
  return size;
}

// Lines, or the piece of one that is there. Gives what is left.
std::string_view Summarizer::Impl::feed_header(std::string_view bytes) {
  if (const size_t passed = pass_field_lines(bytes); passed > 0) return bytes.substr(passed);
  const size_t lf = bytes.find('\n');
  const bool whole = lf != std::string_view::npos;
  const auto piece = bytes.substr(0, whole ? lf + 1 : bytes.size());
  const bool fresh = line.empty();
  if (!whole || !fresh) keep_line_start(piece);
  const bool ends_header = fresh && (piece == "\r\n" || piece == "\n");
  if (header.empty()) header.reserve(std::min(bytes.size(), kUsualHeader));
  if (!ends_header) keep_header(piece);
  offset += piece.size();
  if (!whole) {
    last_byte = piece.back();
    return {};
  }
  ++line_feeds;
  const char before = lf > 0 ? bytes[lf - 1] : last_byte;
  header_line_done(fresh ? piece : std::string_view(line));
  end_line(before == '\r' ? 2 : 1);
  return bytes.substr(piece.size());
}

void Summarizer::Impl::end_line(size_t line_end_size) {
  last_line_end = line_end_size;
  line_begin = offset;
  line.clear();
  last_byte = 0;
}

// A line of a header is complete (or the message ends in it); `start` is its first bytes.
void Summarizer::Impl::header_line_done(std::string_view start) {
  if (start == "\r\n" || start == "\n") {
    header.resize(std::min(header_line, header.size()));
    end_header(offset);
    return;
  }
  if (boundaries > 0 && start.starts_with("--") && match(start).found) {
    header.resize(std::min(header_line, header.size()));
    end_headers(line_begin);
    take_boundary(start);
    return;
  }
  if (std::exchange(first_header_line, false) && field_name(header).empty()) {
    summary.has_8bit_body |= has_8bit(header);
    if (is_mbox_line(header)) {
      first_header_line = true;
      header.clear();
      header_line = 0;
      return;
    }
    const std::string body = std::exchange(header, {});
    end_headers(line_begin);
    watch.feed(body);
    if (header_full) watch.lose();
    return;
  }
  header_line = header.size();
}

void Summarizer::Impl::end_header(uint64_t body_begin) {
  Open& top = open.back();
  top.part->body_begin = body_begin;
  top.lines_before_body = body_begin == offset ? line_feeds : line_feeds - 1;
  read_header();
  descend();
}

void Summarizer::Impl::read_header() {
  Open& top = open.back();
  summary.has_8bit_header |= scan_8bit(header);
  if (open.size() == 1) {
    read_message_header(header, summary, budget);
    return;
  }
  const Part* parent = open[open.size() - 2].part;
  const bool digest = parent->is_multipart() && iequals(parent->subtype, "digest");
  if (top.envelope != nullptr) read_envelope(header, *top.envelope, budget);
  read_mime_header(header, digest, *top.part, budget);
}

// Into the parts of a multipart or into an embedded message, if that is what the header just read announces.
void Summarizer::Impl::descend() {
  Open& top = open.back();
  Part& part = *top.part;
  const bool multipart = part.is_multipart();
  const bool embedded = names_message(part) && is_identity_encoding(part.encoding);
  const bool too_deep = open.size() >= limits::kNesting || (embedded && parts >= limits::kParts);
  if (!multipart && (!embedded || too_deep)) watch_body(part);
  if (!multipart && !embedded) return set_body_mode();
  if (too_deep) {
    budget.truncated = true;
    return set_body_mode();
  }
  if (multipart) {
    std::string boundary = boundary_of(part.parameters);
    if (boundary.size() > limits::kBoundary) budget.truncated = true;
    if (!boundary.empty() && boundary.size() <= limits::kBoundary) {
      top.boundary = std::move(boundary);
      ++boundaries;
    }
    return set_body_mode();
  }
  ++parts;
  part.envelope = std::make_unique<Envelope>();
  Part& child = part.children.emplace_back();
  push(child, part.body_begin, part.envelope.get());
}

void Summarizer::Impl::watch_body(Part& part) {
  PartPlace place;
  if (open.size() > 1) place.parent = open[open.size() - 2].part;
  for (size_t i = 0; i + 1 < open.size(); ++i) {
    place.embedded |= !open[i].part->is_multipart();
    place.in_alternative |= iequals(open[i].part->subtype, "alternative");
  }
  watch.begin(part, place);
}

// Lines until the mode changes. Gives what is left.
std::string_view Summarizer::Impl::feed_body(std::string_view bytes) {
  const char* const begin = bytes.data();
  const char* const end = begin + bytes.size();
  const char* at = begin;
  const char* unseen = begin;  // by `watch`
  const char* unscanned = begin;
  const auto show = [&](const char* to) {
    if (watch.active()) watch.feed({unseen, static_cast<size_t>(to - unseen)});
    unseen = to;
  };
  const auto scan_to = [&](const char* to) {
    if (!summary.has_8bit_body)
      summary.has_8bit_body = scan_8bit({unscanned, static_cast<size_t>(to - unscanned)});
    unscanned = to;
  };
  while (at != end && mode == Mode::body) {
    const bool fresh = line.empty();
    if (fresh && watch.counts_lines()) {
      show(at);
      if (const size_t passed = pass_regular_lines({at, static_cast<size_t>(end - at)}); passed > 0) {
        scan_to(at);
        unscanned = unseen = at += passed;
        continue;
      }
    }
    const char* lf = static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
    const char* next = lf == nullptr ? end : lf + 1;
    const std::string_view piece(at, static_cast<size_t>(next - at));
    offset += piece.size();
    if (lf == nullptr) {
      show(at);
      feed_piece(piece);
      at = next;
      break;
    }
    ++line_feeds;
    const char before = piece.size() > 1 ? piece[piece.size() - 2] : last_byte;
    if (!fresh) {
      end_piece(piece);
      unseen = next;
      line.clear();
    } else if (piece.size() > 2 && piece[0] == '-' && piece[1] == '-') {
      show(at);
      if (take_boundary(piece)) unseen = next;
    }
    at = next;
    last_line_end = before == '\r' ? 2 : 1;
    line_begin = offset;
    last_byte = 0;
  }
  if (unseen != at && line.empty()) show(at);
  scan_to(at);
  return bytes.substr(static_cast<size_t>(at - begin));
}

// A part of a line, its end not among it. What may be a delimiter is kept from `watch` while it is kept in
// `line`.
void Summarizer::Impl::feed_piece(std::string_view piece) {
  last_byte = piece.back();
  const size_t known = line.size();
  const bool undecided = known == 0 || line_held;
  keep_line_start(piece);
  if (!undecided) {
    if (!line_passed) watch.feed(piece);
    return;
  }
  const bool dashes = line.size() == 1 ? line[0] == '-' : line.starts_with("--");
  line_held = dashes && line.size() < kLineStart;
  if (line_held) return;
  line_passed = dashes && match(line).found;
  if (line_passed) return;
  watch.feed(std::string_view(line).substr(0, known));
  watch.feed(piece);
}

// The last of a line that came in pieces; whether it was a delimiter. Without a line end: so ends the
// message.
bool Summarizer::Impl::end_piece(std::string_view piece) {
  const size_t known = line.size();
  const bool held = std::exchange(line_held, false), passed = std::exchange(line_passed, false);
  keep_line_start(piece);
  if (line.starts_with("--") && take_boundary(line)) return true;
  if (held) watch.feed(std::string_view(line).substr(0, known));
  if (!passed) watch.feed(piece);
  return false;
}

// Lines of base64 that are all of one kind, at the start of `bytes`: how much they are.
size_t Summarizer::Impl::pass_regular_lines(std::string_view bytes) {
  uint64_t lines = 0;
  const size_t size = watch.take_regular_lines(bytes, lines);
  if (size == 0) return 0;
  offset += size;
  line_feeds += lines;
  line_begin = offset;
  last_line_end = 2;
  return size;
}

// The open multipart whose delimiter this line is: the whole line, but for blanks at its end (RFC 2046
// section 5.1.1, the grammar). A boundary may begin like another one, or be the same; the innermost that is
// not closed is asked first.
BoundaryMatch Summarizer::Impl::match(std::string_view start) const {
  start = delimiter_text(start);
  BoundaryMatch best;
  for (size_t i = open.size(); i-- > 0;) {
    if (open[i].boundary.empty() || open[i].epilogue) continue;
    const int kind = compare_delimiter(start, open[i].boundary);
    if (kind == 2) return {i, true, false};
    if (kind == 1 && !best.found) best = {i, true, true};
  }
  return best;
}

// Acts on a line that begins with "--"; false if it is just text.
bool Summarizer::Impl::take_boundary(std::string_view start) {
  const BoundaryMatch found = match(start);
  if (!found.found) return false;
  // The line end before the delimiter belongs to it (RFC 2046 section 5.1.1).
  const uint64_t body_end = line_begin - std::min<uint64_t>(line_begin, last_line_end);
  close_above(found.index, body_end, line_feeds - 1 - (last_line_end > 0 ? 1 : 0));
  if (found.closing) {
    open[found.index].epilogue = true;
    set_body_mode();
  } else {
    add_child(found.index, offset);
  }
  return true;
}

void Summarizer::Impl::close_above(size_t index, uint64_t body_end, uint64_t lines) {
  while (open.size() > index + 1) close_top(body_end, lines);
}

void Summarizer::Impl::close_top(uint64_t body_end, uint64_t lines) {
  Open& top = open.back();
  watch.end(body_end != offset);
  top.part->body_end = std::max(body_end, top.part->body_begin);
  const uint64_t count = lines > top.lines_before_body ? lines - top.lines_before_body : 0;
  top.part->body_lines = static_cast<uint32_t>(std::min<uint64_t>(count, UINT32_MAX));
  if (!top.boundary.empty()) --boundaries;
  open.pop_back();
}

void Summarizer::Impl::add_child(size_t index, uint64_t begin) {
  if (parts >= limits::kParts) {
    budget.truncated = true;
    mode = Mode::counting;
    return;
  }
  ++parts;
  push(open[index].part->children.emplace_back(), begin, nullptr);
}

Summary Summarizer::Impl::finish() {
  if (mode == Mode::header) {
    // The end stands for the empty line; a piece of a line is a line.
    if (!line.empty()) {
      ++line_feeds;  // as if it were ended, so that the counts agree
      header_line_done(line);
      --line_feeds;
      line.clear();
    }
    end_headers(offset);
  } else if (mode == Mode::body && !line.empty()) {
    ++line_feeds;
    end_piece({});
    --line_feeds;
    end_headers(offset);
  }
  while (!open.empty()) close_top(offset, line_feeds);
  summary.size = offset;
  summary.truncated = budget.truncated;
  summary.overview->preview = watch.preview(summary.root);
  summary.overview->has_attachment = has_attachment(summary.root);
  return std::move(summary);
}

Summarizer::Summarizer() : impl_(std::make_unique<Impl>()) {}
Summarizer::~Summarizer() = default;
Summarizer::Summarizer(Summarizer&&) noexcept = default;
Summarizer& Summarizer::operator=(Summarizer&&) noexcept = default;
void Summarizer::feed(std::string_view bytes) {
  // Bytes are looked at twice, for lines and for what they hold: the second time they shall still be in the
  // cache.
  constexpr size_t kBlock = 16 << 10;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(kBlock, bytes.size())))
    impl_->feed(bytes.substr(0, kBlock));
}
Summary Summarizer::finish() {
  return impl_->finish();
}

Summary summarize(std::string_view whole_message) {
  Summarizer summarizer;
  summarizer.feed(whole_message);
  return summarizer.finish();
}

}  // namespace posthouse::message
