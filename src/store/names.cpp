#include "store/names.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/utf8.h"
#include "store/limits.h"

namespace posthouse::store {

namespace {

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
