#include "access/jmap/blob_id.h"

#include <algorithm>

#include "base/id.h"

namespace posthouse::access::jmap {
namespace {

constexpr size_t kIdLength = 13, kMaxSection = 200;

bool is_section(std::string_view text) {
  char before = '.';
  for (const char c : text) {
    const bool dot = c == '.', digit = c >= '0' && c <= '9';
    if (!dot && !digit) return false;
    if (before == '.' && (dot || c == '0')) return false;
    before = c;
  }
  return before != '.' && text.size() <= kMaxSection;
}

}  // namespace

std::string format_blob_id(const BlobId& blob) {
  std::string out = (blob.kind == BlobId::Kind::upload ? "U" : "B") + format_id(blob.id);
  if (blob.section.empty()) return out;
  out += '-';
  for (const char c : blob.section) out += c == '.' ? '_' : c;
  return out;
}

std::optional<BlobId> parse_blob_id(std::string_view text) {
  if (text.size() < 1 + kIdLength || (text[0] != 'B' && text[0] != 'U')) return std::nullopt;
  const std::optional<uint64_t> id = parse_id(text.substr(1, kIdLength));
  if (!id) return std::nullopt;
  BlobId out;
  out.id = *id;
  if (text[0] == 'U') out.kind = BlobId::Kind::upload;
  const std::string_view rest = text.substr(1 + kIdLength);
  if (rest.empty()) return out;
  out.section = rest.substr(1);
  if (rest[0] != '-' || out.section.find('.') != std::string::npos) return std::nullopt;
  std::ranges::replace(out.section, '_', '.');
  if (!is_section(out.section)) return std::nullopt;
  return out;
}

}  // namespace posthouse::access::jmap
