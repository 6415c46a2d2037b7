#include "app/moving/export_note.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "app/backup/copying.h"
#include "base/ascii.h"

namespace posthouse::app::moving {
namespace {

constexpr const char* kName = ".posthouse-export";
constexpr std::string_view kFirstWords = "posthouse-export 1 ";
constexpr size_t kLargest = 64 << 20;  // bytes: more than 10,000 mailboxes with the longest paths

// Exports are written where the note says: never outside of the folder, whoever wrote the note.
bool stays_inside(std::string_view path) {
  if (path.starts_with('/') || path.find('\0') != path.npos) return false;
  const std::vector<std::string_view> levels = split(path, '/');
  return std::ranges::none_of(levels, [](std::string_view level) { return level == ".."; });
}

std::optional<ExportNote> parse(std::string_view text) {
  if (!text.starts_with(kFirstWords)) return std::nullopt;
  text.remove_prefix(kFirstWords.size());
  ExportNote out;
  const std::string_view first = text.substr(0, text.find('\n'));
  const size_t blank = first.find(' ');
  if (blank == first.npos) return std::nullopt;
  out.format = first.substr(0, blank);
  out.address = first.substr(blank + 1);
  text.remove_prefix(std::min(text.size(), first.size() + 1));
  text = text.substr(0, text.rfind('\n') + 1);  // without a line that was cut off
  for (const std::string_view line : split(text, '\n')) {
    const size_t tab = line.find('\t');
    if (tab == line.npos || tab == 0 || tab + 1 == line.size()) continue;
    if (!stays_inside(line.substr(0, tab))) continue;
    out.mailboxes.insert_or_assign(std::string(line.substr(0, tab)), std::string(line.substr(tab + 1)));
  }
  return out;
}

std::string line_of(const std::string& path, const std::string& mailbox) {
  return fmt::format("{}\t{}\n", path, mailbox);
}

}  // namespace

Result<std::optional<ExportNote>> read_export_note(const std::string& directory) {
  const maildir::File folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return maildir::os_fault("open", directory);
  auto text = maildir::read_small(folder.fd(), kName, kLargest);
  if (!text) return std::unexpected(text.error());
  return *text ? parse(**text) : std::nullopt;
}

Result<ExportNoteWriter> ExportNoteWriter::open(const std::string& directory, const std::string& format,
                                                const std::string& address) {
  ExportNoteWriter out;
  out.path_ = directory + "/" + kName;
  auto known = read_export_note(directory);
  if (!known) return std::unexpected(known.error());
  if (*known && ((*known)->format != format || (*known)->address != address)) {
    return fail(FaultKind::exists,
                fmt::format("{} holds an export of {} in the format {}; export to another folder", directory,
                            (*known)->address, (*known)->format));
  }
  out.note_ = *known ? std::move(**known) : ExportNote{format, address, {}};
  std::string text = fmt::format("{}{} {}\n", kFirstWords, format, address);
  for (const auto& [path, mailbox] : out.note_.mailboxes) {
    out.places_.emplace(mailbox, path);
    text += line_of(path, mailbox);
  }
  if (auto made = backup::write_file(out.path_, text, 0600); !made) return std::unexpected(made.error());
  out.file_ = maildir::File(::open(out.path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
  if (!out.file_) return maildir::os_fault("open", out.path_);
  return out;
}

Result<std::string> ExportNoteWriter::place(const std::string& mailbox, const std::string& natural,
                                            std::string_view begin, std::string_view end) {
  if (const auto known = places_.find(mailbox); known != places_.end()) return known->second;
  std::string path = natural;
  for (int number = 1; path.empty() || note_.mailboxes.contains(path); ++number)
    path = fmt::format("{}long-{}{}", begin, number, end);
  if (auto added = add(path, mailbox); !added) return std::unexpected(added.error());
  return path;
}

Result<void> ExportNoteWriter::add(const std::string& path, const std::string& mailbox) {
  note_.mailboxes.emplace(path, mailbox);
  places_.emplace(mailbox, path);
  return maildir::write_all(file_.fd(), line_of(path, mailbox), path_);
}

}  // namespace posthouse::app::moving
