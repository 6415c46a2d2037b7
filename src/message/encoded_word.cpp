#include "message/encoded_word.h"

#include <algorithm>
#include <optional>

#include "base/ascii.h"
#include "base/base64.h"
#include "message/charset.h"
#include "message/headers.h"
#include "message/limits.h"
#include "message/transfer.h"
#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

constexpr size_t kMaxCharsetName = 64;

struct Word {
  std::string charset;
  std::string bytes;  // decoded
  size_t length = 0;  // of the encoded word in the text
};

// RFC 2047 section 4.2: "_" is a blank, the rest is quoted-printable.
std::string decode_q(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const int value = text[i] == '=' && i + 2 < text.size() ? hex_byte(text[i + 1], text[i + 2]) : -1;
    if (value >= 0) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i] == '_' ? ' ' : text[i];
    }
  }
  return out;
}

// "=?charset*language?B?text?=" at the start of `text`. Blanks inside the text are tolerated.
std::optional<Word> read_word(std::string_view text) {
  if (!text.starts_with("=?")) return std::nullopt;
  size_t at = 2;
  while (at < text.size() && at < kMaxCharsetName && text[at] != '?' && text[at] > ' ') ++at;
  if (at + 3 >= text.size() || text[at] != '?' || text[at + 2] != '?' || at == 2) return std::nullopt;
  const char encoding = ascii_lower(text[at + 1]);
  if (encoding != 'b' && encoding != 'q') return std::nullopt;
  const size_t begin = at + 3;
  const auto next_mark = [&](size_t from) { return std::min(text.find('?', from), text.size()); };
  size_t end = next_mark(begin);
  // Some mailers leave "?" as it is in Q text, against RFC 2047 section 4.2; behind "=" it begins a new word.
  while (encoding == 'q' && end + 1 < text.size() && text[end + 1] != '=' && text[end - 1] != '=')
    end = next_mark(end + 1);
  // Q text that begins with "=XX" after "?" looks like an end; it isn't one, since "?=" would leave it empty.
  if (end + 1 >= text.size() || text[end + 1] != '=') return std::nullopt;
  Word word;
  const auto name = text.substr(2, at - 2);
  word.charset = name.substr(0, name.find('*'));  // RFC 2231 section 5: a language may follow
  const auto body = text.substr(begin, end - begin);
  word.bytes = encoding == 'q' ? decode_q(body) : decode_base64(body);
  word.length = end + 2;
  return word;
}

// Words of one charset are joined as bytes before decoding, for those that are split inside a character.
class WordDecoder {
 public:
  explicit WordDecoder(bool drops_controls) : drops_controls_(drops_controls) {}
  void add(Word&& word) {
    if (!iequals(word.charset, charset_)) flush();
    charset_ = std::move(word.charset);
    bytes_ += word.bytes;
  }
  void flush() {
    if (!bytes_.empty()) {
      std::string text = to_utf8(bytes_, charset_);
      if (drops_controls_) std::erase_if(text, is_control);
      out_ += text;
    }
    bytes_.clear();
    charset_.clear();
  }
  void text(std::string_view plain) {
    flush();
    out_ += has_8bit(plain) ? to_utf8(plain, "utf-8") : std::string(plain);
  }
  std::string take() {
    flush();
    for (char& c : out_) {
      if (c == '\r' || c == '\n') c = ' ';
    }
    std::erase(out_, '\0');
    return std::move(out_);
  }

 private:
  static bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; }

  bool drops_controls_;
  std::string out_, bytes_, charset_;
};

// RFC 2047 section 5: white space, or nothing, stands on both sides of a word at `at`.
bool stands_alone(std::string_view text, size_t at, const Word& word) {
  const size_t end = at + word.length;
  return (at == 0 || is_wsp(text[at - 1])) && (end == text.size() || is_wsp(text[end])) &&
         is_known_charset(word.charset);
}

std::string decode(std::string_view value, bool strict) {
  std::string text = unfold(value);
  if (text.find("=?") == std::string::npos) {
    if (has_8bit(text)) return to_utf8(text, "utf-8");
    return text;
  }
  WordDecoder decoder(strict);
  std::string_view rest = text;
  bool after_word = false;
  while (!rest.empty()) {
    const size_t at = rest.find("=?");
    if (at == std::string_view::npos) break;
    auto word = read_word(rest.substr(at));
    if (strict && word && !stands_alone(text, text.size() - rest.size() + at, *word)) word.reset();
    const auto between = rest.substr(0, at);
    // RFC 2047 section 6.2: blanks between two encoded words are not shown.
    const bool blank = trim(between).empty();
    if (word && after_word && blank) {
      // nothing
    } else if (word) {
      decoder.text(between);
    } else {
      decoder.text(rest.substr(0, at + 2));
    }
    rest.remove_prefix(at + (word ? word->length : 2));
    after_word = word.has_value();
    if (word) decoder.add(std::move(*word));
  }
  if (!rest.empty()) decoder.text(rest);
  return decoder.take();
}

}  // namespace

std::string decode_words(std::string_view value) {
  return decode(value, false);
}

std::string decode_words_strictly(std::string_view value) {
  return decode(value, true);
}

std::string force_encoded_words(std::string_view utf8) {
  constexpr std::string_view kStart = "=?utf-8?B?", kEnd = "?=";
  // 45 octets are 60 characters of base64; with the frame 72.
  constexpr size_t kOctets = 45;
  static_assert(kOctets / 3 * 4 + kStart.size() + kEnd.size() <= limits::kEncodedWord);
  std::string out;
  while (!utf8.empty()) {
    size_t take = 0, whole = 0;
    while (take < utf8.size()) {
      const size_t n = std::max<size_t>(1, utf8_sequence(utf8.substr(take)));
      if (take + n > kOctets) break;
      take += n;
      if (take % 3 == 0) whole = take;
    }
    // Padding in all words but the last is avoided: some readers join the words' base64 and stop at it.
    if (take < utf8.size() && whole > 0) take = whole;
    if (!out.empty()) out += ' ';
    out.append(kStart).append(base64_encode(utf8.substr(0, take))).append(kEnd);
    utf8.remove_prefix(take);
  }
  return out;
}

std::string encode_words(std::string_view value) {
  if (!has_8bit(value)) return unfold(value);
  return force_encoded_words(decode_words(value));
}

}  // namespace posthouse::message
