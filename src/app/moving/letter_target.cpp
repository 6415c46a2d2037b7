// A folder for each mailbox with a file UIDVALIDITY-UID.eml for each letter; its time is the date.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

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
  LetterTarget(std::string directory, ExportNoteWriter note)
      : directory_(std::move(directory)), note_(std::move(note)) {}

  Result<void> open(const std::string& mailbox, bool, uint32_t uid_validity) override {
    auto path = note_.place(mailbox, path_of_mailbox(mailbox, "").value_or(""), "", "");
    if (!path) return std::unexpected(path.error());
    folder_ = directory_ + "/" + *path;
    validity_ = uid_validity;
    if (auto made = backup::make_folder(folder_, 0700); !made) return made;
    noted_ = read_notes(folder_);
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
      written = maildir::write_all(flags_.fd(), note_line(name, letter.flags, letter.date), path);
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
  ExportNoteWriter note_;
  uint32_t validity_ = 0;
  maildir::File flags_;
  FileBatch batch_;
  LetterNotes noted_;
};

}  // namespace

namespace {

// DIR is new, empty or an export of ours: in any other folder nobody could tell ours from what was there.
Result<void> check_place(const std::string& directory) {
  auto note = read_export_note(directory);
  if (!note) return std::unexpected(note.error());
  if (*note) return {};
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (name == "lost+found" || name == kUnfinishedExportNote) continue;
    return fail(FaultKind::exists,
                fmt::format("{}: expected a folder that is new, empty, or has an earlier export of this "
                            "account; there is {} in it",
                            directory, name));
  }
  return error ? fail(FaultKind::io, fmt::format("{}: {}", directory, error.message())) : Result<void>();
}

}  // namespace

std::unique_ptr<Target> make_letter_target(const std::string& directory, ExportNoteWriter note) {
  return std::make_unique<LetterTarget>(directory, std::move(note));
}

Result<std::unique_ptr<Target>> open_target(const std::string& directory, const std::string& wanted,
                                            const std::string& address) {
  const std::string format = wanted.empty() ? "maildir" : wanted;
  const std::string root = maildir::without_slashes(directory);
  if (auto made = backup::make_folder(root, 0700); !made) return std::unexpected(made.error());
  if (auto good = check_place(root); !good) return std::unexpected(good.error());
  auto note = ExportNoteWriter::open(root, format, address);
  if (!note) return std::unexpected(note.error());
  if (format == "mbox") return make_mbox_target(root, std::move(*note));
  if (format == "eml") return make_letter_target(root, std::move(*note));
  return make_maildir_target(root, std::move(*note));
}

}  // namespace posthouse::app::moving
