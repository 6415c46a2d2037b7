#include "base/ascii.h"
#include "maildir/dot_lock.h"
#include "maildir/folder_name.h"
#include "maildir/limits.h"
#include "maildir/tree.h"

namespace posthouse::maildir {

namespace {

// Version 2: a header and an empty line; levels with tabs between them. Before: levels with dots, no header.
constexpr const char* kFile = "subscriptions";
constexpr std::string_view kHeader = "V\t2\n\n";
constexpr std::string_view kAnyHeader = "V\t";

std::optional<std::string> name_of_line(std::string line, bool with_tabs) {
  if (is_inbox(line)) return "INBOX";
  if (with_tabs) std::replace(line.begin(), line.end(), '\t', '.');
  return decode_folder("." + line);
}

Result<std::string> line_of_name(std::string_view name, bool with_tabs) {
  if (is_inbox(name)) return "INBOX";
  Result<std::string> line = encode_folder(name);
  if (!line) return line;
  line->erase(0, 1);
  if (with_tabs) std::replace(line->begin(), line->end(), '.', '\t');
  return line;
}

Result<SubscriptionLines> read_lines(int folder) {
  const Result<std::optional<std::string>> text = read_small(folder, kFile, kMaxSubscriptionsFile);
  if (!text) return std::unexpected(text.error());
  return *text ? parse_subscriptions(**text) : SubscriptionLines{};
}

}  // namespace

SubscriptionLines parse_subscriptions(std::string_view text) {
  SubscriptionLines out;
  out.with_tabs = text.empty() || text.starts_with(kAnyHeader);
  bool in_header = text.starts_with(kAnyHeader);
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty()) {
      in_header = false;
    } else if (!in_header) {
      out.lines.emplace_back(line);
    }
  }
  return out;
}

std::string format_subscriptions(const SubscriptionLines& lines) {
  std::string text(lines.with_tabs ? kHeader : "");
  for (const std::string& line : lines.lines) text += line + "\n";
  return text;
}

Result<std::vector<std::string>> Subscriptions::read() const {
  const Result<File> folder = root_.open_directory();
  if (!folder) return std::unexpected(folder.error());
  const Result<SubscriptionLines> lines = read_lines(folder->fd());
  if (!lines) return std::unexpected(lines.error());
  std::vector<std::string> names;
  for (const std::string& line : lines->lines) {
    if (std::optional<std::string> name = name_of_line(line, lines->with_tabs))
      names.push_back(std::move(*name));
  }
  return names;
}

Result<bool> Subscriptions::set(std::string_view name, bool subscribed, const std::string& unique,
                                milliseconds patience) const {
  const Result<File> folder = root_.open_directory();
  if (!folder) return std::unexpected(folder.error());
  const Result<DotLock> lock = DotLock::take(folder->fd(), kFile, clock_, patience);
  if (!lock) return std::unexpected(lock.error());
  Result<SubscriptionLines> lines = read_lines(folder->fd());
  if (!lines) return std::unexpected(lines.error());
  const Result<std::string> line = line_of_name(name, lines->with_tabs);
  if (!line) return std::unexpected(line.error());
  const auto at = std::find(lines->lines.begin(), lines->lines.end(), *line);
  if ((at != lines->lines.end()) == subscribed) return false;
  if (subscribed) {
    lines->lines.push_back(*line);
  } else {
    lines->lines.erase(at);
  }
  const Result<void> written =
      replace_file(folder->fd(), kFile, unique, format_subscriptions(*lines), Sync::now);
  if (!written) return std::unexpected(written.error());
  return true;
}

}  // namespace posthouse::maildir
