#include "app/moving/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "app/moving/names.h"
#include "base/ascii.h"
#include "maildir/file.h"

namespace posthouse::app::moving {
namespace {

constexpr int kLookDepth = 3;  // levels that are searched for a sign of the format

bool begins_as_mbox(const std::string& path) {
  const maildir::File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  char begin[5];
  return file && ::read(file.fd(), begin, sizeof begin) == sizeof begin &&
         std::string_view(begin, sizeof begin) == "From ";
}

bool has_maildir(const std::string& path, int depth) {
  if (is_folder(path + "/cur")) return true;
  if (depth == 0) return false;
  auto listing = list_folder(path, true);
  if (!listing) return false;
  for (const std::string& folder : listing->folders) {
    if (has_maildir(path + "/" + folder, depth - 1)) return true;
  }
  return false;
}

bool has_letter(const std::string& path, int depth) {
  auto listing = list_folder(path);
  if (!listing) return false;
  for (const std::string& file : listing->files) {
    if (file.size() > 4 && iequals(std::string_view(file).substr(file.size() - 4), ".eml")) return true;
  }
  for (const std::string& folder : listing->folders) {
    if (depth > 0 && has_letter(path + "/" + folder, depth - 1)) return true;
  }
  return false;
}

std::string look(const std::string& path) {
  if (!is_folder(path)) return begins_as_mbox(path) ? "mbox" : "eml";
  if (has_maildir(path, kLookDepth)) return "maildir";
  return has_letter(path, kLookDepth) ? "eml" : "mbox";
}

// It, or below it. INBOX in any case.
bool is_within(const std::string& name, const std::string& above) {
  if (iequals(above, "INBOX") && iequals(name, "INBOX")) return true;
  return name == above || name.starts_with(above + "/");
}

}  // namespace

uint64_t Source::total() const {
  uint64_t out = 0;
  for (const SourceMailbox& mailbox : mailboxes_) out += mailbox.amount;
  return out;
}

void Source::choose(const std::vector<std::string>& only, const std::vector<std::string>& exclude) {
  const auto any = [](const std::vector<std::string>& list, const SourceMailbox& mailbox) {
    return std::ranges::any_of(list,
                               [&](const std::string& above) { return is_within(mailbox.name, above); });
  };
  std::erase_if(mailboxes_, [&](const SourceMailbox& mailbox) {
    return (!only.empty() && !any(only, mailbox)) || any(exclude, mailbox);
  });
}

Result<std::unique_ptr<Source>> open_source(const std::string& path, const std::string& format) {
  struct ::stat info{};
  if (::stat(path.c_str(), &info) != 0) return maildir::os_fault("open", path);
  const std::string known = format.empty() || format == "auto" ? look(path) : format;
  auto source = known == "maildir" ? open_maildirs(path)
                : known == "mbox"  ? open_mboxes(path)
                                   : open_letters(path);
  if (source && (*source)->mailboxes().empty())
    return fail(FaultKind::not_found, fmt::format("{}: no letters of the format {} there", path, known));
  return source;
}

}  // namespace posthouse::app::moving
