// LANGUAGE (RFC 5255 section 3.2). The one namespace has no prefix, so there is none to translate
// (section 3.4).
#include "access/imap/commands.h"

namespace posthouse::access::imap {

Task<Reply> cmd_language(Session& s, wire::imap::Language& c) {
  if (c.ranges.empty()) {
    s.untagged("LANGUAGE (" + language_tags() + ")");
    co_return ok("These languages are spoken here");
  }
  const std::optional<Language> found = find_language(c.ranges);
  if (!found) co_return no("This language isn't spoken here", "CANNOT");
  s.untagged("LANGUAGE (" + std::string(language_tag(*found)) + ")");
  s.language = *found;
  co_return ok("Now speaking English");
}

}  // namespace posthouse::access::imap
