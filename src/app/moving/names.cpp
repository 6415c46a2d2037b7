#include "app/moving/names.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/modified_utf7.h"
#include "maildir/file.h"
#include "maildir/folder_name.h"
#include "maildir/limits.h"

namespace posthouse::app::moving {
namespace {

constexpr std::string_view kLockFile = ".lock";  // what programs add while they write

}  // namespace

Result<std::string> file_of_level(std::string_view level) {
  auto encoded = maildir::encode_folder(level);
  if (!encoded) return encoded;
  return encoded->substr(1);
}

std::string level_of_file(std::string_view file) {
  if (file.find('.') == file.npos) {
    if (auto ours = maildir::decode_folder("." + std::string(file))) return *ours;
  }
  auto decoded = from_modified_utf7(file);
  return decoded ? *decoded : std::string(file);
}

Result<std::string> path_of_mailbox(std::string_view mailbox, std::string_view end_of_file) {
  const size_t room =
      maildir::kMaxFileName - (end_of_file.empty() ? 0 : end_of_file.size() + kLockFile.size());
  std::string out;
  while (true) {
    const size_t end = mailbox.find('/');
    auto level = file_of_level(mailbox.substr(0, end));
    if (!level) return level;
    out = below(out, *level);
    if (end == mailbox.npos && level->size() > room) return fail(FaultKind::syntax, out + ": too long");
    if (end == mailbox.npos) return out + std::string(end_of_file);
    mailbox.remove_prefix(end + 1);
  }
}

std::string below(const std::string& above, const std::string& name) {
  return above.empty() ? name : above + "/" + name;
}

bool is_folder(const std::string& path) {
  struct ::stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

Result<Listing> list_folder(const std::string& path, bool hidden_folders) {
  const maildir::File folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return maildir::os_fault("open", path);
  Listing out;
  auto done =
      maildir::each_entry(folder.fd(), path, [&](std::string_view name, unsigned char type, uint64_t) {
        const bool hidden = name.starts_with('.');
        if (type == DT_UNKNOWN) {
          struct ::stat info{};
          if (::fstatat(folder.fd(), std::string(name).c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0)
            type = S_ISDIR(info.st_mode) ? DT_DIR : S_ISREG(info.st_mode) ? DT_REG : DT_UNKNOWN;
        }
        if (type == DT_DIR && (!hidden || hidden_folders)) out.folders.emplace_back(name);
        if (type == DT_REG && !hidden) out.files.emplace_back(name);
        return true;
      });
  if (!done) return std::unexpected(done.error());
  std::ranges::sort(out.folders);
  std::ranges::sort(out.files);
  return out;
}

}  // namespace posthouse::app::moving
