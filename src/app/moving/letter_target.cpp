// A folder for each mailbox with a file UIDVALIDITY-UID.eml for each letter; its time is the date.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/backup/copying.h"
#include "app/moving/file_batch.h"
#include "app/moving/letter_files.h"
#include "app/moving/names.h"
#include "app/moving/target.h"
#include "maildir/file.h"

namespace posthouse::app::moving {
namespace {

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
    ::unlink(part.c_str());  // of an earlier run that did not end
    auto written = FileBatch::write(part, letter.date, pieces,
                                    [](std::string_view piece, bool, std::string& out) { out = piece; });
    if (written && !noted_.contains(name))
      written = maildir::write_all(flags_.fd(), flags_line(name, letter.flags), path);
    if (written) return batch_.add(part, path);
    ::unlink(part.c_str());
    return written;
  }

  Result<void> close() override { return batch_.finish(); }

 private:
  std::string name_of(const Outgoing& letter) const {
    return fmt::format("{}-{:010}.eml", validity_, letter.uid);
  }

  std::string directory_, folder_;
  uint32_t validity_ = 0;
  maildir::File flags_;
  FileBatch batch_;
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
