#include "app/moving/known_letters.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "app/core/core.h"
#include "app/limits.h"
#include "base/ascii.h"

namespace posthouse::app::moving {
namespace {

std::string first_line(uint32_t validity) {
  return fmt::format("posthouse-import 1 {}\n", validity);
}

// "UID SIZE CHECKSUM", the last one hexadecimal.
std::optional<KnownLetters::Letter> read_line(std::string_view line) {
  const std::vector<std::string_view> fields = split(line, ' ');
  if (fields.size() != 3 || fields[2].size() != 16) return std::nullopt;
  const auto uid = parse_uint(fields[0]), size = parse_uint(fields[1]);
  uint64_t checksum = 0;
  const char* const end = fields[2].data() + fields[2].size();
  const auto read = std::from_chars(fields[2].data(), end, checksum, 16);
  if (!uid || *uid == 0 || *uid > UINT32_MAX || !size || read.ec != std::errc() || read.ptr != end)
    return std::nullopt;
  return KnownLetters::Letter{static_cast<uint32_t>(*uid), *size, checksum};
}

}  // namespace

// Lines that were torn by a crash are passed over.
void KnownLetters::read(std::string_view text) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (end == text.npos) break;
    if (const auto letter = read_line(text.substr(0, end))) letters_.push_back(*letter);
    text.remove_prefix(end + 1);
  }
  std::ranges::sort(letters_, {}, &Letter::uid);
}

Result<KnownLetters> KnownLetters::open(const std::string& folder, const std::string& name,
                                        uint32_t validity) {
  KnownLetters out;
  out.folder_ = folder;
  out.path_ = folder + "/" + name;
  out.validity_ = validity;
  if (::access(out.path_.c_str(), F_OK) != 0) return out;
  auto text = read_file(out.path_, kImapKnown);
  if (!text) return std::unexpected(text.error());
  const std::string first = first_line(validity);
  out.fresh_ = !text->starts_with(first);
  if (out.fresh_) return out;
  out.torn_ = !text->ends_with('\n');
  out.read(std::string_view(*text).substr(first.size()));
  return out;
}

Result<void> KnownLetters::begin() {
  if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) return maildir::os_fault("make", folder_);
  const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | (fresh_ ? O_TRUNC : 0);
  file_ = maildir::File(::open(path_.c_str(), flags, 0600));
  if (!file_) return maildir::os_fault("open", path_);
  if (fresh_) return maildir::write_all(file_.fd(), first_line(validity_), path_);
  return torn_ ? maildir::write_all(file_.fd(), "\n", path_) : Result<void>();
}

std::optional<KnownLetters::Letter> KnownLetters::find(uint32_t uid) const {
  const auto found = std::ranges::lower_bound(letters_, uid, {}, &Letter::uid);
  if (found == letters_.end() || found->uid != uid) return std::nullopt;
  return *found;
}

Result<void> KnownLetters::note(const std::vector<Settled>& letters) {
  if (!file_) {
    if (auto begun = begin(); !begun) return begun;
  }
  std::string lines;
  for (const Settled& letter : letters)
    lines += fmt::format("{} {} {:016x}\n", letter.id, letter.size, letter.checksum);
  return maildir::write_all(file_.fd(), lines, path_);
}

}  // namespace posthouse::app::moving
