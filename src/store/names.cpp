#include "store/names.h"

#include <algorithm>

#include "base/ascii.h"
#include "store/limits.h"

namespace posthouse::store {

namespace {

// Bytes of the UTF-8 sequence at the front of `text`, 0 if there is none (RFC 3629 section 4).
size_t sequence_size(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  size_t size = 0;
  if (first >= 0xc2 && first <= 0xdf) size = 2;
  if (first >= 0xe0 && first <= 0xef) size = 3;
  if (first >= 0xf0 && first <= 0xf4) size = 4;
  if (size == 0 || text.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  const bool surrogate = first == 0xed && byte(1) > 0x9f;
  const bool too_large = first == 0xf4 && byte(1) > 0x8f;
  return overlong || surrogate || too_large ? 0 : size;
}

// C0, DEL and C1.
bool has_control(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7f) return true;
    if (c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) return true;
  }
  return false;
}

std::unexpected<Fault> refuse(const char* why) {
  return fail(FaultKind::policy, std::string("mailbox name ") + why);
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t size = sequence_size(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

Result<std::string> check_name(std::string_view name) {
  if (name.empty()) return refuse("is empty");
  if (name.size() > kMaxNameBytes) return refuse("is too long");
  if (!is_utf8(name)) return refuse("is not UTF-8");
  if (has_control(name)) return refuse("has control characters");
  const std::vector<std::string_view> levels = split(name, kSeparator);
  if (levels.size() > kMaxLevels) return refuse("has too many levels");
  if (std::ranges::any_of(levels, [](std::string_view level) { return level.empty(); })) {
    return refuse("has an empty level");
  }
  std::string checked(name);
  if (iequals(levels[0], kInbox)) checked.replace(0, kInbox.size(), kInbox);
  return checked;
}

std::vector<std::string> superiors(std::string_view name) {
  std::vector<std::string> above;
  for (size_t at = name.find(kSeparator); at != std::string_view::npos; at = name.find(kSeparator, at + 1)) {
    above.emplace_back(name.substr(0, at));
  }
  return above;
}

bool is_inferior(std::string_view name, std::string_view above) {
  return name.size() > above.size() && name.starts_with(above) && name[above.size()] == kSeparator;
}

Role usual_role(std::string_view name) {
  const auto found = std::ranges::find(kUsualMailboxes, name, &UsualMailbox::name);
  return found == kUsualMailboxes.end() ? Role::none : found->role;
}

}  // namespace posthouse::store
