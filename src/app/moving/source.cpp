#include "app/moving/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "app/moving/export_note.h"
#include "app/moving/looks.h"
#include "app/moving/names.h"
#include "app/salvage/unfinished.h"
#include "base/ascii.h"
#include "maildir/file.h"

namespace posthouse::app::moving {
namespace {

constexpr int kLookDepth = 3;  // levels that are searched for a sign of the format

bool is_eml(std::string_view file) {
  return file.size() > 4 && iequals(file.substr(file.size() - 4), ".eml");
}

// Letters of a Maildir: a mailbox that is called "cur" has files as well, which are .eml.
bool has_maildir_letter(const std::string& folder) {
  auto listing = list_folder(folder);
  return listing &&
         std::ranges::any_of(listing->files, [](const std::string& file) { return !is_eml(file); });
}

bool is_maildir(const std::string& path, bool filled) {
  if (!is_folder(path + "/cur") || is_folder(path + "/cur/cur")) return false;
  return !filled || has_maildir_letter(path + "/cur") || has_maildir_letter(path + "/new");
}

bool has_maildir(const std::string& path, bool filled, int depth) {
  if (is_maildir(path, filled)) return true;
  if (depth == 0) return false;
  auto listing = list_folder(path, true);
  return listing && std::ranges::any_of(listing->folders, [&](const std::string& folder) {
           return has_maildir(path + "/" + folder, filled, depth - 1);
         });
}

// Whether a file, in it or below, is one that `what` knows.
bool has_file(const std::string& path, const std::function<bool(const std::string&)>& what, int depth) {
  auto listing = list_folder(path);
  if (!listing) return false;
  const auto at = [&](const std::string& name) { return path + "/" + name; };
  return std::ranges::any_of(listing->files, [&](const std::string& file) { return what(at(file)); }) ||
         (depth > 0 && std::ranges::any_of(listing->folders, [&](const std::string& folder) {
            return has_file(at(folder), what, depth - 1);
          }));
}

Result<std::string> look_at_file(const std::string& path) {
  const maildir::File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return maildir::os_fault("open", path);
  struct ::stat info{};
  if (::fstat(file.fd(), &info) != 0 || !S_ISREG(info.st_mode))
    return fail(FaultKind::syntax, path + ": neither a file nor a folder");
  std::string begin(kLookBytes, '\0');
  const ssize_t got = ::read(file.fd(), begin.data(), begin.size());
  if (got < 0) return maildir::os_fault("read", path);
  begin.resize(static_cast<size_t>(got));
  if (begin.empty() || begins_as_mbox(begin)) return "mbox";
  if (begins_as_letter(begin)) return "eml";
  return fail(
      FaultKind::syntax,
      fmt::format("{}: neither an mbox, which begins with a line \"From SENDER DATE\", nor a letter, which "
                  "begins with fields such as \"From: ...\"; --format eml or --format mbox takes it as one",
                  path));
}

Result<std::string> look(const std::string& path) {
  if (!is_folder(path)) return look_at_file(path);
  if (has_maildir(path, true, kLookDepth)) return "maildir";
  if (has_file(path, is_eml, kLookDepth)) return "eml";
  if (has_maildir(path, false, kLookDepth)) return "maildir";
  if (has_file(path, is_mbox_file, kLookDepth)) return "mbox";
  return fail(
      FaultKind::not_found,
      fmt::format("{}: no letters there: no Maildir (a folder \"cur\"), no .eml files, and no mbox (a file "
                  "that begins with a line \"From SENDER DATE\"); --format says what it is",
                  path));
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

void Source::name_as_noted(const std::string& root,
                           const std::map<std::string, std::string, std::less<>>& noted) {
  std::erase_if(mailboxes_, [&](SourceMailbox& mailbox) {
    const auto known = noted.find(mailbox.path == root ? "." : mailbox.path.substr(root.size() + 1));
    if (known != noted.end()) mailbox.name = known->second;
    return known == noted.end() && mailbox.amount == 0;
  });
}

Result<std::unique_ptr<Source>> open_source(const std::string& path, const std::string& format) {
  struct ::stat info{};
  if (::stat(path.c_str(), &info) != 0) return maildir::os_fault("open", path);
  if (const std::string partial = unfinished_salvage_at(path); !partial.empty())
    return fail(FaultKind::syntax,
                fmt::format("{} is what an interrupted `store salvage` has left, and not whole: run it again "
                            "into {}, then import",
                            path, partial));
  std::optional<ExportNote> note;
  if (S_ISDIR(info.st_mode)) {
    auto read = read_export_note(path);
    if (!read) return std::unexpected(read.error());
    note = std::move(*read);
  }
  Result<std::string> known = format;
  if (format.empty() || format == "auto") known = note ? note->format : look(path);
  if (!known) return std::unexpected(known.error());
  auto source = *known == "maildir" ? open_maildirs(path)
                : *known == "mbox"  ? open_mboxes(path)
                                    : open_letters(path);
  if (source && note && note->format == *known)
    (*source)->name_as_noted(maildir::without_slashes(path), note->mailboxes);
  if (source && (*source)->mailboxes().empty())
    return fail(FaultKind::not_found, fmt::format("{}: no letters of the format {} there", path, *known));
  return source;
}

}  // namespace posthouse::app::moving
