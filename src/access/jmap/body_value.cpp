#include "access/jmap/body_value.h"

#include "access/jmap/limits.h"
#include "base/ascii.h"
#include "base/utf8.h"
#include "message/charset.h"

namespace posthouse::access::jmap {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// The largest end of a character that is at most `most`, and not behind a character that is only begun.
size_t character_end(std::string_view text, size_t most) {
  size_t begin = std::min(most, text.size());
  while (begin > 0 && begin < text.size() && continues(text[begin])) --begin;
  if (begin < text.size() || begin == 0) return begin;
  size_t last = begin - 1;
  while (last > 0 && begin - last < 4 && continues(text[last])) --last;
  return utf8_sequence(text.substr(last)) == 0 ? last : begin;
}

// CRLF becomes LF, also where it is in two pieces.
class LineEnds {
 public:
  void feed(std::string_view text, std::string& out) {
    for (const char c : text) {
      if (held_ && c != '\n') out += '\r';
      held_ = c == '\r';
      if (!held_) out += c;
    }
  }
  void finish(std::string& out) {
    if (std::exchange(held_, false)) out += '\r';
  }

 private:
  bool held_ = false;
};

struct Text {
  std::string value;
  bool problem = false, more = false;
};

// One that claims to be UTF-8, or says nothing, is read as something else where it is not.
bool reads_as_utf8(std::string_view charset) {
  return iequals(charset, "utf-8") || iequals(charset, "us-ascii") || iequals(charset, "utf8") ||
         iequals(charset, "ascii") || !message::is_known_charset(charset);
}

Task<Result<Text>> read_text(const LetterSource& source, const message::Part& part, uint64_t most) {
  const std::string charset = charset_of(part);
  Text text;
  text.problem = !message::is_known_charset(charset) ||
                 message::transfer_encoding(part.encoding) == message::TransferEncoding::unknown;
  message::CharsetDecoder decoder(charset);
  LineEnds ends;
  PartReader reader(source, part);
  std::string octets, decoded;
  while (!reader.done() && text.value.size() <= most) {
    Result<std::string> piece = co_await reader.next();
    if (!piece) co_return std::unexpected(piece.error());
    decoded.clear();
    decoder.feed(*piece, decoded);
    ends.feed(decoded, text.value);
    if (reads_as_utf8(charset)) octets += *piece;
  }
  text.more = !reader.done();
  decoded.clear();
  decoder.finish(decoded);
  ends.feed(decoded, text.value);
  ends.finish(text.value);
  if (text.more) octets.resize(character_end(octets, octets.size()));
  text.problem =
      text.problem || !is_utf8(octets) || (!reads_as_utf8(charset) && text.value.contains(kReplacement));
  co_return text;
}

}  // namespace

std::string charset_of(const message::Part& part) {
  const std::string_view named = message::find_parameter(part.parameters, "charset");
  return named.empty() || iequals(named, "us-ascii") ? "us-ascii" : std::string(named);
}

std::string cut_text(std::string text, uint64_t most, bool html) {
  if (text.size() <= most) return text;
  text.resize(character_end(text, most));
  if (!html) return text;
  const size_t open = text.rfind('<'), close = text.rfind('>');
  if (open != std::string::npos && (close == std::string::npos || close < open)) text.resize(open);
  return text;
}

Task<Result<json::object>> body_value(const LetterSource& source, const message::Part& part, uint64_t most) {
  if (most == 0 || most > kMaxBodyValue) most = kMaxBodyValue;
  Result<Text> text = co_await read_text(source, part, most);
  if (!text) co_return std::unexpected(text.error());
  json::object out;
  out["isEncodingProblem"] = text->problem;
  out["isTruncated"] = text->more || text->value.size() > most;
  out["value"] = cut_text(std::move(text->value), most, iequals(part.subtype, "html"));
  co_return out;
}

}  // namespace posthouse::access::jmap
