#include "maildir/quota_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "base/ascii.h"
#include "maildir/file.h"
#include "maildir/folder.h"
#include "maildir/limits.h"
#include "maildir/tree.h"

namespace posthouse::maildir {

namespace {

constexpr const char* kFile = "maildirsize";
constexpr int64_t kMost = int64_t{1} << 60;  // of bytes in all; so sums can't overflow

std::optional<QuotaLimits> parse_limits(std::string_view line) {
  QuotaLimits limits;
  for (const std::string_view part : split(line, ',')) {
    if (part.empty()) continue;
    const std::optional<uint64_t> number = parse_uint(part.substr(0, part.size() - 1));
    if (!number || *number > static_cast<uint64_t>(kMost)) return std::nullopt;
    if (part.back() == 'S') {
      limits.bytes = *number;
    } else if (part.back() == 'C') {
      limits.messages = *number;
    } else {
      return std::nullopt;
    }
  }
  return limits;
}

std::optional<int64_t> take_number(std::string_view& text) {
  text = trim(text);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value > kMost || value < -kMost) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

bool add_line(std::string_view line, QuotaUse& use) {
  const std::optional<int64_t> bytes = take_number(line);
  const std::optional<int64_t> messages = take_number(line);
  if (!bytes || !messages || !trim(line).empty()) return false;
  use.bytes = std::clamp(use.bytes + *bytes, -kMost, kMost);
  use.messages = std::clamp(use.messages + *messages, -kMost, kMost);
  return true;
}

bool is_over(const QuotaUse& use) {
  return (use.limits.bytes != 0 && use.bytes > static_cast<int64_t>(use.limits.bytes)) ||
         (use.limits.messages != 0 && use.messages > static_cast<int64_t>(use.limits.messages));
}

std::string format_limits(const QuotaLimits& limits) {
  std::string text;
  if (limits.bytes != 0) text += fmt::format("{}S", limits.bytes);
  if (limits.messages != 0) text += fmt::format("{}{}C", text.empty() ? "" : ",", limits.messages);
  return text;
}

size_t lines_in(std::string_view text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

// What counts in one folder. False: it changed while it was read.
Result<bool> count(const Folder& folder, QuotaUse& use) {
  const Folder::Wants wants = [](std::string_view base) { return !parse_name(base).size; };
  Result<Scan> scan = folder.scan(wants);
  if (!scan) return std::unexpected(scan.error());
  for (const std::vector<Found>* messages : {&scan->messages, &scan->doubles}) {
    for (const Found& message : *messages) {
      if ((message.marks.flags & Marks::kTrashed) != 0) continue;
      const uint64_t size = message.has_facts ? message.size : parse_name(message.base).size.value_or(0);
      use.bytes += static_cast<int64_t>(std::min<uint64_t>(size, kMost));
      use.bytes = std::min(use.bytes, kMost);
      ++use.messages;
    }
  }
  return scan->complete;
}

}  // namespace

std::optional<QuotaUse> parse_quota_file(std::string_view text) {
  const std::vector<std::string_view> lines = split(text, '\n');
  const std::optional<QuotaLimits> limits = parse_limits(trim(lines[0]));
  if (!limits) return std::nullopt;
  QuotaUse use;
  use.limits = *limits;
  use.is_stale = text.size() > kMaxQuotaFile || !text.ends_with('\n');
  for (size_t i = 1; i < lines.size(); ++i) {
    if (!trim(lines[i]).empty() && !add_line(lines[i], use)) use.is_stale = true;
  }
  use.is_stale = use.is_stale || use.bytes < 0 || use.messages < 0;
  return use;
}

Result<std::optional<QuotaUse>> QuotaFile::read() const {
  // One that is too long is read to the end of what may be, to know its limits.
  const Result<File> folder = root_.open_directory();
  if (!folder) return std::unexpected(folder.error());
  const Result<File> file = open_file_in(folder->fd(), kFile);
  if (!file && file.error().kind == FaultKind::not_found) return std::nullopt;
  if (!file) return std::unexpected(file.error());
  std::string text(kMaxQuotaFile + 1, '\0');
  const ssize_t got = ::pread(file->fd(), text.data(), text.size(), 0);
  struct stat facts{};
  if (got < 0 || ::fstat(file->fd(), &facts) != 0) return os_fault("read", kFile);
  text.resize(static_cast<size_t>(got));
  std::optional<QuotaUse> use = parse_quota_file(text);
  if (!use) return use;
  const auto age = clock_.now() - SystemTime(milliseconds(milliseconds_of(facts.st_mtim)));
  use->is_stale = use->is_stale || (is_over(*use) && (age > kQuotaStale || lines_in(text) > 2));
  return use;
}

Result<void> QuotaFile::add(int64_t bytes, int64_t messages) const {
  const Result<File> folder = root_.open_directory();
  if (!folder) return std::unexpected(folder.error());
  const File file(::openat(folder->fd(), kFile, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file && errno == ENOENT) return {};
  if (!file) return os_fault("open", kFile);
  // One write of a whole line, so that those of others stay whole.
  const std::string line = fmt::format("{} {}\n", bytes, messages);
  const ssize_t written = ::write(file.fd(), line.data(), line.size());
  if (written != static_cast<ssize_t>(line.size())) return os_fault("write", kFile);
  return {};
}

Result<QuotaUse> QuotaFile::calculate(const QuotaLimits& limits, const std::string& unique) const {
  const Tree tree(root_.path());
  const Result<File> root = root_.open_directory();
  if (!root) return std::unexpected(root.error());
  QuotaUse use;
  for (int tries = 0; tries < kQuotaTries; ++tries) {
    use = QuotaUse{.limits = limits};
    bool quiet = true;
    std::vector<std::pair<Folder, State>> counted;
    const Result<std::vector<FolderEntry>> folders = tree.list();
    if (!folders) return std::unexpected(folders.error());
    for (const FolderEntry& entry : *folders) {
      if (entry.directory == ".Trash") continue;
      const Folder folder = tree.folder_of(entry);
      const Result<State> before = folder.state();
      const Result<bool> undisturbed = count(folder, use);
      if (!before || !undisturbed) {
        quiet = false;  // deleted or renamed meanwhile, or unreadable
        continue;
      }
      quiet = quiet && *undisturbed;
      counted.emplace_back(folder, *before);
    }
    const std::string text = fmt::format("{}\n{} {}\n", format_limits(limits), use.bytes, use.messages);
    const Result<void> written = replace_file(root->fd(), kFile, unique, text, Sync::later);
    if (!written) return std::unexpected(written.error());
    // Whoever delivered since then may have told the old file.
    for (const auto& [folder, before] : counted) {
      const Result<State> after = folder.state();
      quiet = quiet && after && after->fresh == before.fresh && after->current == before.current;
    }
    if (quiet) return use;
  }
  ::unlinkat(root->fd(), kFile, 0);
  return use;
}

}  // namespace posthouse::maildir
