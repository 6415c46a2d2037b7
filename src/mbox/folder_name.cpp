#include "mbox/folder_name.h"

#include "base/ascii.h"
#include "base/modified_utf7.h"
#include "base/utf8.h"
#include "mbox/limits.h"

namespace posthouse::mbox {

namespace {

// C0, DEL and C1.
bool has_control(std::string_view utf8) {
  while (!utf8.empty()) {
    const size_t length = utf8_sequence(utf8);
    const char32_t c = utf8_code_point(utf8.substr(0, length));
    if (c < ' ' || (c >= 0x7F && c < 0xA0)) return true;
    utf8.remove_prefix(length);
  }
  return false;
}

}  // namespace

bool may_be_part(std::string_view part) {
  if (part.empty() || part.front() == '.' || part.size() > kMaxNamePart || part.find('/') != part.npos)
    return false;
  const std::string lower = to_lower(part);
  return !lower.ends_with(".lock") && lower.find(".posthouse-journal") == std::string::npos;
}

Result<std::vector<std::string>> folder_parts(std::string_view name) {
  if (!is_utf8(name)) return fail(FaultKind::syntax, "the name is not UTF-8");
  if (has_control(name)) return fail(FaultKind::syntax, "the name has a control character");
  std::vector<std::string> parts;
  for (const std::string_view part : split(name, '/')) {
    if (parts.size() == kMaxNameDepth) return fail(FaultKind::syntax, "the name has too many parts");
    parts.push_back(to_modified_utf7(part));
    if (!may_be_part(parts.back())) return fail(FaultKind::syntax, "no name for a folder: " + parts.back());
  }
  const bool below_inbox = parts.size() > 1 && parts.front() == "INBOX";
  if (iequals(parts.front(), "INBOX") && !below_inbox)
    return fail(FaultKind::syntax, "INBOX has no file among the folders");
  return parts;
}

}  // namespace posthouse::mbox
