// A folder for each mailbox with a file UIDVALIDITY-UID.eml for each letter; its time is the date.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/backup/copying.h"
#include "app/moving/letter_files.h"
#include "app/moving/names.h"
#include "app/moving/target.h"
#include "maildir/file.h"

namespace posthouse::app::moving {
namespace {

timespec to_timespec(SystemTime time) {
  const auto since = time.time_since_epoch();
  const auto whole = std::chrono::floor<seconds>(since);
  return {static_cast<time_t>(whole.count()),
          static_cast<long>(std::chrono::duration_cast<std::chrono::nanoseconds>(since - whole).count())};
}

class LetterTarget final : public Target {
 public:
  explicit LetterTarget(std::string directory) : directory_(std::move(directory)) {}

  Result<void> open(const std::string& mailbox, bool, uint32_t uid_validity) override {
    auto path = path_of_mailbox(mailbox);
    if (!path) return std::unexpected(path.error());
    folder_ = directory_ + "/" + *path;
    validity_ = uid_validity;
    if (auto made = backup::make_folder(folder_, 0700); !made) return made;
    noted_ = read_flags_file(folder_);
    const std::string name = folder_ + "/" + std::string(kFlagsFile);
    flags_ = maildir::File(::open(name.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    if (!flags_) return maildir::os_fault("open", name);
    return {};
  }

  Result<bool> has(const Outgoing& letter) override {
    struct ::stat info{};
    return ::lstat((folder_ + "/" + name_of(letter)).c_str(), &info) == 0;
  }

  Result<void> put(const Outgoing& letter, const control::LetterPieces& pieces) override {
    const std::string name = name_of(letter);
    const std::string path = folder_ + "/" + name, part = folder_ + "/." + name + ".part";
    auto written = write(part, letter, pieces);
    if (written && !noted_.contains(name))
      written = maildir::write_all(flags_.fd(), flags_line(name, letter.flags), path);
    if (written && ::rename(part.c_str(), path.c_str()) != 0) written = maildir::os_fault("rename", path);
    if (!written) ::unlink(part.c_str());
    return written;
  }

  Result<void> close() override {
    if (auto flushed = maildir::flush(flags_.fd(), folder_); !flushed) return flushed;
    return maildir::flush_folder(folder_);
  }

 private:
  std::string name_of(const Outgoing& letter) const {
    return fmt::format("{}-{:010}.eml", validity_, letter.uid);
  }

  static Result<void> write(const std::string& path, const Outgoing& letter,
                            const control::LetterPieces& pieces) {
    const maildir::File file(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return maildir::os_fault("open", path);
    while (true) {
      auto piece = pieces();
      if (!piece) return std::unexpected(piece.error());
      if (piece->empty()) break;
      if (auto written = maildir::write_all(file.fd(), *piece, path); !written) return written;
    }
    const timespec times[2] = {to_timespec(letter.date), to_timespec(letter.date)};
    if (::futimens(file.fd(), times) != 0) return maildir::os_fault("set the time of", path);
    return maildir::flush(file.fd(), path);
  }

  std::string directory_, folder_;
  uint32_t validity_ = 0;
  maildir::File flags_;
  std::map<std::string, store::FlagSet, std::less<>> noted_;
};

}  // namespace

std::unique_ptr<Target> make_letter_target(const std::string& directory) {
  return std::make_unique<LetterTarget>(directory);
}

Result<std::unique_ptr<Target>> open_target(const std::string& directory, const std::string& format) {
  const std::string root = maildir::without_slashes(directory);
  if (auto made = backup::make_folder(root, 0700); !made) return std::unexpected(made.error());
  if (format == "mbox") return make_mbox_target(root);
  if (format == "eml") return make_letter_target(root);
  return make_maildir_target(root);
}

}  // namespace posthouse::app::moving
