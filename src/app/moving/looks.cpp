#include "app/moving/looks.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/ascii.h"
#include "maildir/file.h"
#include "mbox/from_line.h"
#include "mbox/limits.h"

namespace posthouse::app::moving {
namespace {

// RFC 5322 section 3.6, RFC 2045 section 3, and what transports put in front.
constexpr std::string_view kFields[] = {"from",
                                        "sender",
                                        "reply-to",
                                        "to",
                                        "cc",
                                        "bcc",
                                        "date",
                                        "subject",
                                        "message-id",
                                        "in-reply-to",
                                        "references",
                                        "received",
                                        "return-path",
                                        "resent-from",
                                        "resent-to",
                                        "resent-date",
                                        "mime-version",
                                        "content-type",
                                        "delivered-to",
                                        "envelope-to",
                                        "x-original-to",
                                        "dkim-signature",
                                        "authentication-results"};

// The name of a field; nothing for a line that is none (RFC 5322 section 2.2, blanks before the colon as
// in 4.5).
std::string_view field_name(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == line.npos) return {};
  std::string_view name = line.substr(0, colon);
  while (!name.empty() && (name.back() == ' ' || name.back() == '\t')) name.remove_suffix(1);
  const bool good = std::ranges::all_of(name, [](char c) { return c > ' ' && c < 127; });
  return good ? name : std::string_view();
}

}  // namespace

bool begins_as_mbox(std::string_view begin) {
  return mbox::parse_from_line(begin.substr(0, std::min(begin.find_first_of("\r\n"), mbox::kMaxFromLine)))
      .has_value();
}

bool begins_as_letter(std::string_view begin) {
  for (bool first = true; !begin.empty(); first = false) {
    const std::string_view line = begin.substr(0, begin.find('\n'));
    begin.remove_prefix(std::min(begin.size(), line.size() + 1));
    if (!first && (line.starts_with(' ') || line.starts_with('\t'))) continue;
    const std::string_view name = field_name(line);
    if (name.empty()) return false;
    if (std::ranges::any_of(kFields, [&](std::string_view field) { return iequals(field, name); }))
      return true;
  }
  return false;
}

bool is_mbox_file(const std::string& path) {
  const maildir::File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::string begin(mbox::kMaxFromLine, '\0');
  const ssize_t got = file ? ::read(file.fd(), begin.data(), begin.size()) : -1;
  return got > 0 && begins_as_mbox(std::string_view(begin).substr(0, static_cast<size_t>(got)));
}

}  // namespace posthouse::app::moving
