// A summary record as IMAP's ENVELOPE and BODYSTRUCTURE, without building the tree.
#include <array>

#include "base/ascii.h"
#include "message/address.h"
#include "message/encoded_word.h"
#include "message/limits.h"
#include "message/record_format.h"
#include "message/summary.h"
#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

using record::Reader;

constexpr std::string_view kNoPart = "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0";
constexpr std::string_view kNoEnvelope = "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)";

// Bytes that may stand in a quoted string as they are.
constexpr std::array<bool, 256> make_plain() {
  std::array<bool, 256> plain{};
  for (size_t i = 1; i < 0x80; ++i) plain[i] = i != '\r' && i != '\n' && i != '"' && i != '\\';
  return plain;
}
constexpr auto kPlain = make_plain();

// Escapes quotes and backslashes; CR and LF become blanks and NUL goes, so no literal is ever needed.
void append_escaped(std::string& out, std::string_view text) {
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\0') continue;
    out += c == '\r' || c == '\n' ? ' ' : c;
  }
}

void append_number(std::string& out, uint64_t n) {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = static_cast<char>('0' + n % 10);
    n /= 10;
  } while (n > 0);
  out.append(digits + at, sizeof digits - at);
}

// A part's fields as the record has them; of lists, where they begin.
struct Fields {
  uint64_t flags = 0, size = 0, lines = 0, children = 0;
  std::string_view type, subtype, id, description, encoding, md5, disposition, location, envelope;
  Reader parameters{{}}, disposition_parameters{{}}, languages{{}};

  bool multipart() const { return iequals(type, "multipart"); }
  bool message() const {
    return iequals(type, "message") && (iequals(subtype, "rfc822") || iequals(subtype, "global"));
  }
};

// A copy of `r` at a list whose items are of `width` texts; `r` itself goes behind it.
Reader pass_list(Reader& r, uint64_t width) {
  const Reader here = r;
  for (uint64_t n = r.count() * width; n > 0 && r.good(); --n) r.text();
  return here;
}

Fields read_fields(Reader& r) {
  Fields f;
  f.flags = r.number();
  if (f.flags > record::kKnownPartFlags) r.spoil();
  const auto has = [&](uint64_t flag) { return (f.flags & flag) != 0; };
  f.type = r.text();
  f.subtype = r.text();
  if (has(record::kParameters)) f.parameters = pass_list(r, 2);
  if (has(record::kId)) f.id = r.text();
  if (has(record::kDescription)) f.description = r.text();
  if (has(record::kEncoding)) f.encoding = r.text();
  if (has(record::kMd5)) f.md5 = r.text();
  if (has(record::kDisposition)) {
    f.disposition = r.text();
    f.disposition_parameters = pass_list(r, 2);
  }
  if (has(record::kLanguages)) f.languages = pass_list(r, 1);
  if (has(record::kLocation)) f.location = r.text();
  if (has(record::kEnvelope)) f.envelope = r.text();
  r.number();  // header_begin
  r.number();  // size of the header
  f.size = r.number();
  f.lines = r.number();
  if (has(record::kDecodedSize)) r.number();
  f.children = has(record::kChildren) ? r.count() : 0;
  if (f.children > 0 && !f.multipart() && !(f.message() && f.children == 1)) r.spoil();
  return f;
}

class Renderer {
 public:
  Renderer(std::string& out, bool utf8, bool extended) : out_(out), utf8_(utf8), extended_(extended) {}

  void string(std::string_view text) {
    out_ += '"';
    size_t n = 0;
    while (n < text.size() && kPlain[static_cast<unsigned char>(text[n])]) ++n;
    out_.append(text.substr(0, n));
    text.remove_prefix(n);
    if (!text.empty()) {
      if (!has_8bit(text)) {
        append_escaped(out_, text);
      } else {
        // All of it again: an encoded word can't begin in the middle.
        out_.resize(out_.size() - n);
        append_8bit(std::string_view(text.data() - n, text.size() + n));
      }
    }
    out_ += '"';
  }
  void nil() { out_ += "NIL"; }
  void string_or_nil(bool has, std::string_view text) { has ? string(text) : nil(); }
  void host(std::string_view text) {
    if (!utf8_ && has_8bit(text)) {
      if (const auto ascii = domain_to_ascii(text)) return string(*ascii);
    }
    string(text);
  }

  bool envelope(std::string_view bytes);
  void part(Reader& r, size_t depth);

 private:
  void append_8bit(std::string_view text) {
    if (utf8_) {
      append_escaped(out_, is_utf8(text) ? std::string(text) : decode_words(text));
    } else {
      append_escaped(out_, encode_words(text));
    }
  }
  bool address_list(Reader& r);
  void parameters(Reader r);
  void multipart(const Fields& f, Reader& r, size_t depth);
  void single(const Fields& f, Reader& r, size_t depth);
  void disposition(const Fields& f);
  void languages(Reader r);
  // Stands for parts that the grammar wants and the message does not have.
  void no_parts() {
    out_ += kNoPart;
    out_ += extended_ ? " NIL NIL NIL NIL)" : ")";
  }

  std::string& out_;
  bool utf8_, extended_;
};

// NIL for an empty list, which gives false.
bool Renderer::address_list(Reader& r) {
  uint64_t n = r.count();
  if (n == 0) {
    nil();
    return false;
  }
  out_ += '(';
  for (; n > 0 && r.good(); --n) {
    const uint64_t flags = r.number();
    out_ += '(';
    string_or_nil((flags & record::kName) != 0, flags & record::kName ? r.text() : std::string_view());
    out_ += ' ';
    string_or_nil((flags & record::kRoute) != 0, flags & record::kRoute ? r.text() : std::string_view());
    out_ += ' ';
    string_or_nil((flags & record::kMailbox) != 0, flags & record::kMailbox ? r.text() : std::string_view());
    out_ += ' ';
    flags& record::kHost ? host(r.text()) : nil();
    out_ += ')';
  }
  out_ += ')';
  return true;
}

// RFC 9051 section 7.5.2: sender and reply-to are those of from where they are missing or empty.
bool Renderer::envelope(std::string_view bytes) {
  Reader r(bytes);
  const uint64_t flags = r.number();
  const bool has_reply = (flags & record::kInReplyTo) != 0, has_id = (flags & record::kMessageId) != 0;
  out_ += '(';
  string_or_nil((flags & record::kDate) != 0, flags & record::kDate ? r.text() : std::string_view());
  out_ += ' ';
  string_or_nil((flags & record::kSubject) != 0, flags & record::kSubject ? r.text() : std::string_view());
  const auto in_reply_to = has_reply ? r.text() : std::string_view();
  const auto message_id = has_id ? r.text() : std::string_view();
  out_ += ' ';
  const size_t from = out_.size();
  address_list(r);
  const size_t from_size = out_.size() - from;
  for (int i = 0; i < 2; ++i) {
    out_ += ' ';
    const size_t begin = out_.size();
    if (!address_list(r)) {
      out_.resize(begin);
      out_.append(out_, from, from_size);
    }
  }
  for (int i = 0; i < 3; ++i) {
    out_ += ' ';
    address_list(r);
  }
  out_ += ' ';
  string_or_nil(has_reply, in_reply_to);
  out_ += ' ';
  string_or_nil(has_id, message_id);
  out_ += ')';
  return r.good() && r.at_end();
}

void Renderer::parameters(Reader r) {
  uint64_t n = r.at_end() ? 0 : r.count();
  if (n == 0) return nil();
  char separator = '(';
  for (; n > 0 && r.good(); --n) {
    out_ += separator;
    string(r.text());
    out_ += ' ';
    string(r.text());
    separator = ' ';
  }
  out_ += ')';
}

void Renderer::multipart(const Fields& f, Reader& r, size_t depth) {
  for (uint64_t i = 0; i < f.children && r.good(); ++i) part(r, depth + 1);
  if (f.children == 0) no_parts();  // the grammar wants one
  out_ += ' ';
  string(f.subtype);
  if (!extended_) return;
  out_ += ' ';
  parameters(f.parameters);
}

void Renderer::single(const Fields& f, Reader& r, size_t depth) {
  string(f.type);
  out_ += ' ';
  string(f.subtype);
  out_ += ' ';
  parameters(f.parameters);
  out_ += ' ';
  string_or_nil(!f.id.empty(), f.id);
  out_ += ' ';
  string_or_nil(!f.description.empty(), f.description);
  out_ += ' ';
  string(f.encoding.empty() ? "7BIT" : f.encoding);
  out_ += ' ';
  append_number(out_, f.size);
  if (f.message()) {
    out_ += ' ';
    if (f.envelope.empty()) {
      out_ += kNoEnvelope;
    } else if (!envelope(f.envelope)) {
      return r.spoil();
    }
    out_ += ' ';
    f.children == 1 ? part(r, depth + 1) : no_parts();
  }
  if (f.message() || iequals(f.type, "text")) {
    out_ += ' ';
    append_number(out_, f.lines);
  }
  if (!extended_) return;
  out_ += ' ';
  string_or_nil(!f.md5.empty(), f.md5);
}

void Renderer::disposition(const Fields& f) {
  if (f.disposition.empty()) return nil();
  out_ += '(';
  string(f.disposition);
  out_ += ' ';
  parameters(f.disposition_parameters);
  out_ += ')';
}

void Renderer::languages(Reader r) {
  const uint64_t count = r.at_end() ? 0 : r.count();
  if (count == 0) return nil();
  if (count == 1) return string(r.text());
  for (uint64_t i = 0; i < count && r.good(); ++i) {
    out_ += i == 0 ? '(' : ' ';
    string(r.text());
  }
  out_ += ')';
}

void Renderer::part(Reader& r, size_t depth) {
  const Fields f = read_fields(r);
  if (depth >= limits::kNesting && f.children > 0) return r.spoil();
  out_ += '(';
  f.multipart() ? multipart(f, r, depth) : single(f, r, depth);
  if (extended_) {
    out_ += ' ';
    disposition(f);
    out_ += ' ';
    languages(f.languages);
    out_ += ' ';
    string_or_nil(!f.location.empty(), f.location);
  }
  out_ += ')';
}

// Behind the record's head: the envelope, and a reader at the root part.
std::pair<std::string_view, Reader> open_record(std::string_view bytes) {
  Reader r(bytes);
  const uint64_t version = r.number();
  if (version != record::kVersion && version != record::kFirstVersion) r.spoil();
  for (int i = 0; i < 5; ++i) r.number();  // flags, size, received, date, offset
  const auto envelope = r.text();
  if (version != record::kFirstVersion) r.text();  // the overview
  return {envelope, r};
}

}  // namespace

void append_imap_envelope(std::string& out, std::string_view bytes, bool utf8) {
  const size_t begin = out.size();
  const auto [envelope, r] = open_record(bytes);
  if (r.good() && Renderer(out, utf8, false).envelope(envelope)) return;
  out.resize(begin);
  out += kNoEnvelope;
}

void append_imap_bodystructure(std::string& out, std::string_view bytes, bool extended, bool utf8) {
  const size_t begin = out.size();
  Reader r = open_record(bytes).second;
  Renderer(out, utf8, extended).part(r, 0);
  if (r.good()) return;
  out.resize(begin);
  out += kNoPart;
  out += extended ? " NIL NIL NIL NIL)" : ")";
}

}  // namespace posthouse::message
