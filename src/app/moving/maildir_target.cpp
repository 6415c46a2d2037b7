// A Maildir++ tree. Letters are named by their deliveries, so that they are known again.
#include <fcntl.h>
#include <unistd.h>

#include <unordered_set>

#include "app/moving/file_batch.h"
#include "app/moving/letter_files.h"
#include "app/moving/target.h"
#include "base/random.h"
#include "maildir/folder_name.h"
#include "maildir/keywords.h"
#include "maildir/line_ends.h"
#include "maildir/name.h"
#include "maildir/tree.h"
#include "mirror/maildir_marks.h"

namespace posthouse::app::moving {
namespace {

class MaildirTarget final : public Target {
 public:
  MaildirTarget(const std::string& directory, ExportNoteWriter note)
      : tree_(directory), note_(std::move(note)), names_(system_clock(), system_random(), "export") {}

  Result<void> open(const std::string& mailbox, bool subscribed, uint32_t) override {
    if (auto made = tree_.make(); !made) return made;
    auto name = name_in_tree(mailbox);
    if (!name) return std::unexpected(name.error());
    auto folder = tree_.folder(*name);
    if (!folder && folder.error().kind == FaultKind::not_found) folder = tree_.create(*name, names_.unique());
    if (!folder) return std::unexpected(folder.error());
    folder_.emplace(std::move(*folder));
    keywords_.emplace(*folder_, system_clock());
    auto table = keywords_->read();
    if (!table) return std::unexpected(table.error());
    table_ = std::move(*table);
    auto scan = folder_->scan();
    if (!scan) return std::unexpected(scan.error());
    there_.clear();
    noted_ = read_notes(folder_->path());
    for (const maildir::Found& found : scan->messages) {
      there_.emplace(maildir::unique_part(found.base));
    }
    if (!subscribed) return {};
    auto set = maildir::Subscriptions(maildir::Folder(tree_.root()), system_clock())
                   .set(*name, true, names_.unique());
    if (!set) return std::unexpected(set.error());
    return {};
  }

  Result<bool> has(const Outgoing& letter) override { return there_.contains(name_of(letter)); }

  Result<void> put(const Outgoing& letter, const control::LetterPieces& pieces) override {
    if (auto known = learn(letter.flags); !known) return known;
    const std::string part = folder_->path() + "/tmp/" + names_.unique();
    maildir::ToFile line_ends;
    auto written =
        FileBatch::write(part, letter.date, pieces, [&](std::string_view piece, bool last, std::string& out) {
          line_ends.convert(piece, out);
          if (last) line_ends.finish(out);
        });
    if (!written) {
      ::unlink(part.c_str());
      return written;
    }
    maildir::Name name;
    name.base = maildir::base_with_sizes(name_of(letter), line_ends.size(), line_ends.crlf_size());
    name.stem = name.base;
    name.marks = mirror::to_marks(letter.flags, table_);
    there_.insert(name_of(letter));
    exact_ = line_ends.exact();
    if (auto noted = note_flags(letter); !noted) return noted;
    return batch_.add(part, folder_->path() + "/cur/" + maildir::format_name(name));
  }

  bool is_exact() const override { return exact_; }
  Result<void> close() override { return batch_.finish(); }

 private:
  static std::string name_of(const Outgoing& letter) {
    const int64_t when = std::chrono::duration_cast<seconds>(letter.date.time_since_epoch()).count();
    return fmt::format("{}.D{:016x}.export", std::max<int64_t>(when, 0), letter.delivery);
  }

  // What the mailbox is called in the tree: another name where its own is too long for a directory.
  Result<std::string> name_in_tree(const std::string& mailbox) {
    const bool inbox = maildir::is_inbox(mailbox);
    auto place = note_.place(mailbox, inbox ? "." : maildir::encode_folder(mailbox).value_or(""), ".", "");
    if (!place || *place == ".") return place ? Result<std::string>(mailbox) : place;
    auto name = maildir::decode_folder(*place);
    return name ? Result<std::string>(*name) : fail(FaultKind::syntax, *place + ": not the name of a folder");
  }

  // Keywords that found no letter, and dates that no file has, stand in a file beside the letters.
  Result<void> note_flags(const Outgoing& letter) {
    const bool whole = mirror::unlettered(letter.flags, table_).empty() && is_date_of_file(letter.date);
    if (whole || noted_.contains(name_of(letter))) return {};
    const std::string path = folder_->path() + "/" + std::string(kFlagsFile);
    const maildir::File file(
        ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return maildir::os_fault("open", path);
    return maildir::write_all(file.fd(), note_line(name_of(letter), letter.flags, letter.date), path);
  }

  // Letters for its keywords; not all find one (note_flags).
  Result<void> learn(const store::FlagSet& flags) {
    const std::vector<std::string> wanted = mirror::unlettered(flags, table_);
    if (wanted.empty()) return {};
    auto table = keywords_->extend(wanted, names_.unique());
    if (!table) return std::unexpected(table.error());
    table_ = std::move(*table);
    return {};
  }

  maildir::Tree tree_;
  ExportNoteWriter note_;
  maildir::NameMaker names_;
  std::optional<maildir::Folder> folder_;
  std::optional<maildir::Keywords> keywords_;
  maildir::KeywordTable table_;
  std::unordered_set<std::string> there_;
  LetterNotes noted_;
  FileBatch batch_;
  bool exact_ = true;
};

}  // namespace

std::unique_ptr<Target> make_maildir_target(const std::string& directory, ExportNoteWriter note) {
  return std::make_unique<MaildirTarget>(directory, std::move(note));
}

}  // namespace posthouse::app::moving
