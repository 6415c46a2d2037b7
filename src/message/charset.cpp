#include "message/charset.h"

#include <unicode/ucnv.h>

#include <array>

#include "base/ascii.h"
#include "message/scan.h"
#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

constexpr size_t kMaxName = 40;
constexpr size_t kStep = 4096;  // octets per conversion call

// windows-1252 0x80 to 0x9F; what it leaves undefined is the C1 control of ISO-8859-1.
constexpr std::array<char16_t, 32> kWindows1252 = {
    0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

struct Alias {
  std::string_view name, icu;
};
// Labels that stand for a superset in practice (WHATWG Encoding).
constexpr auto kAliases = std::to_array<Alias>({
    {"gb2312", "gb18030"},
    {"gb_2312-80", "gb18030"},
    {"chinese", "gb18030"},
    {"csiso58gb231280", "gb18030"},
    {"iso-ir-58", "gb18030"},
    {"gbk", "gb18030"},
    {"x-gbk", "gb18030"},
    {"x-euc-cn", "gb18030"},
    {"cn-gb", "gb18030"},
    {"ks_c_5601-1987", "windows-949"},
    {"ks_c_5601", "windows-949"},
    {"ksc5601", "windows-949"},
    {"euc-kr", "windows-949"},
    {"uhc", "windows-949"},
    {"shift_jis", "windows-31j"},
    {"shift-jis", "windows-31j"},
    {"x-sjis", "windows-31j"},
    {"sjis", "windows-31j"},
    {"cp50220", "iso-2022-jp"},
    {"cp50221", "iso-2022-jp"},
    {"cp50222", "iso-2022-jp"},
    {"iso-2022-jp-ms", "iso-2022-jp"},
    {"big5", "big5-hkscs"},
    {"cn-big5", "big5-hkscs"},
    {"x-x-big5", "big5-hkscs"},
    {"iso-8859-9", "windows-1254"},
    {"iso-8859-11", "windows-874"},
    {"tis-620", "windows-874"},
    {"dos-874", "windows-874"},
    {"iso-8859-8-i", "iso-8859-8"},
    {"cp-1251", "windows-1251"},
    {"win-1250", "windows-1250"},
    {"win-1251", "windows-1251"},
    {"win-1252", "windows-1252"},
    {"x-mac-roman", "macintosh"},
    {"x-mac-ukrainian", "x-mac-cyrillic"},
    {"koi", "koi8-r"},
    {"koi8-ru", "koi8-u"},
});

constexpr auto kLatin = std::to_array<std::string_view>(
    {"iso-8859-1", "latin1", "iso8859-1", "iso88591", "iso_8859-1", "iso_8859-1:1987", "iso-ir-100", "l1",
     "csisolatin1", "cp819", "ibm819", "windows-1252", "cp1252", "x-cp1252", "x-ansi"});
// With the names that ASCII has: more than ASCII stands under them.
constexpr auto kUtf8 = std::to_array<std::string_view>(
    {"utf-8", "utf8", "us-ascii", "ascii", "ansi_x3.4-1968", "ansi_x3.4-1986", "iso646-us",
     "iso_646.irv:1991", "iso-ir-6", "csascii", "us", "646", "cp367", "ibm367"});

bool among(std::string_view name, const auto& names) {
  for (auto n : names) {
    if (iequals(n, name)) return true;
  }
  return false;
}

struct CloseConverter {
  void operator()(UConverter* c) const { ucnv_close(c); }
};
using Converter = std::unique_ptr<UConverter, CloseConverter>;

Converter open_converter(std::string_view name) {
  if (name.empty() || name.size() > kMaxName) return nullptr;
  for (char c : name) {
    if (!is_alnum(c) && c != '-' && c != '_' && c != '.' && c != ':' && c != '+') return nullptr;
  }
  std::string known = to_lower(name);  // ICU passes over "x-", but not over "X-"
  for (const auto& alias : kAliases) {
    if (alias.name == known) known = alias.icu;
  }
  UErrorCode status = U_ZERO_ERROR;
  Converter converter(ucnv_open(known.c_str(), &status));
  if (U_FAILURE(status)) return nullptr;
  return converter;
}

void append_latin(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  append_utf8(out, byte >= 0x80 && byte < 0xA0 ? kWindows1252[byte - 0x80] : byte);
}

// Some mailers put quotes of their own around the name: charset='utf-8'.
std::string_view without_quotes(std::string_view name) {
  while (name.starts_with('\'') || name.starts_with('"')) name.remove_prefix(1);
  while (name.ends_with('\'') || name.ends_with('"')) name.remove_suffix(1);
  return name;
}

// Whether `text`, shorter than a sequence, could become one with more bytes.
bool may_grow(std::string_view text) {
  static constexpr std::array<std::string_view, 4> kTails = {"", "\x80", "\x80\x80", "\x80\x80\x80"};
  static constexpr std::array<std::string_view, 4> kHighTails = {"", "\xBF", "\xBF\xBF", "\xBF\xBF\xBF"};
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t wanted = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1;
  if (text.size() >= wanted) return false;
  const auto missing = wanted - text.size();
  return utf8_sequence(std::string(text).append(kTails[missing])) > 0 ||
         utf8_sequence(std::string(text).append(kHighTails[missing])) > 0;
}

}  // namespace

struct CharsetDecoder::Impl {
  enum class Kind { utf8, latin, icu } kind = Kind::utf8;
  Converter converter;
  std::string held;  // an unfinished UTF-8 sequence

  void feed_utf8(std::string_view bytes, std::string& out, bool last);
  void feed_icu(std::string_view bytes, std::string& out, bool last);
};

void CharsetDecoder::Impl::feed_utf8(std::string_view bytes, std::string& out, bool last) {
  std::string joined;
  if (!held.empty()) {
    joined = held.append(bytes);
    bytes = joined;
    held.clear();
  }
  while (!bytes.empty()) {
    const size_t ascii = ascii_run(bytes);
    out.append(bytes.substr(0, ascii));
    bytes.remove_prefix(ascii);
    if (bytes.empty()) return;
    const size_t n = utf8_sequence(bytes);
    if (n > 0) {
      out.append(bytes.substr(0, n));
      bytes.remove_prefix(n);
    } else if (!last && bytes.size() < 4 && may_grow(bytes)) {
      held = bytes;
      return;
    } else {
      append_latin(out, bytes[0]);
      bytes.remove_prefix(1);
    }
  }
}

void CharsetDecoder::Impl::feed_icu(std::string_view bytes, std::string& out, bool last) {
  std::array<UChar, kStep> wide;
  UChar* begin = wide.data();
  const char* source = bytes.data();
  const char* const end = source + bytes.size();
  while (true) {
    UErrorCode status = U_ZERO_ERROR;
    UChar* target = begin;
    ucnv_toUnicode(converter.get(), &target, wide.data() + wide.size(), &source, end, nullptr, last, &status);
    const bool full = status == U_BUFFER_OVERFLOW_ERROR;
    begin = wide.data();
    for (UChar* p = wide.data(); p != target; ++p) {
      char32_t c = *p;
      if (c >= 0xD800 && c < 0xDC00) {
        if (full && p + 1 == target) {  // its second half comes next
          *begin++ = *p;
          break;
        }
        if (p + 1 != target && p[1] >= 0xDC00 && p[1] < 0xE000)
          c = 0x10000 + ((c - 0xD800) << 10) + (*++p - 0xDC00);
      }
      append_utf8(out, c);
    }
    if (!full) return;
  }
}

CharsetDecoder::CharsetDecoder(std::string_view charset) : impl_(std::make_unique<Impl>()) {
  charset = without_quotes(trim(charset));
  if (charset.empty() || among(charset, kUtf8)) return;
  if (among(charset, kLatin)) {
    impl_->kind = Impl::Kind::latin;
  } else {
    impl_->converter = open_converter(charset);
    if (impl_->converter) impl_->kind = Impl::Kind::icu;
  }
}

CharsetDecoder::~CharsetDecoder() = default;
CharsetDecoder::CharsetDecoder(CharsetDecoder&&) noexcept = default;
CharsetDecoder& CharsetDecoder::operator=(CharsetDecoder&&) noexcept = default;

void CharsetDecoder::feed(std::string_view bytes, std::string& out) {
  switch (impl_->kind) {
    case Impl::Kind::utf8:
      return impl_->feed_utf8(bytes, out, false);
    case Impl::Kind::icu:
      return impl_->feed_icu(bytes, out, false);
    case Impl::Kind::latin:
      while (!bytes.empty()) {
        const size_t ascii = ascii_run(bytes);
        out.append(bytes.substr(0, ascii));
        bytes.remove_prefix(ascii);
        if (bytes.empty()) return;
        append_latin(out, bytes[0]);
        bytes.remove_prefix(1);
      }
  }
}

void CharsetDecoder::finish(std::string& out) {
  if (impl_->kind == Impl::Kind::utf8) impl_->feed_utf8({}, out, true);
  if (impl_->kind == Impl::Kind::icu) impl_->feed_icu({}, out, true);
}

std::string to_utf8(std::string_view bytes, std::string_view charset) {
  CharsetDecoder decoder(charset);
  std::string out;
  out.reserve(bytes.size());
  decoder.feed(bytes, out);
  decoder.finish(out);
  return out;
}

bool is_known_charset(std::string_view charset) {
  return among(charset, kUtf8) || among(charset, kLatin) || open_converter(charset) != nullptr;
}

}  // namespace posthouse::message
