// Maildir, with Maildir++ subfolders and with folders in folders.
#include "app/moving/letter_files.h"
#include "app/moving/names.h"
#include "app/moving/source.h"
#include "base/ascii.h"
#include "maildir/folder.h"
#include "maildir/folder_name.h"
#include "maildir/keywords.h"
#include "maildir/name.h"
#include "maildir/reader.h"
#include "mirror/maildir_marks.h"

namespace posthouse::app::moving {
namespace {

class Maildirs : public Source {
 public:
  Result<void> find(const std::string& path, const std::string& name, int depth) {
    // Where "cur" is a Maildir itself, it is a mailbox of that name.
    const bool holds = is_folder(path + "/cur") && !is_folder(path + "/cur/cur");
    if (holds) {
      mailboxes_.push_back({name.empty() ? "INBOX" : name, path});
      count(path);
    }
    if (depth == 0) return {};
    auto listing = list_folder(path, true);
    if (!listing) return std::unexpected(listing.error());
    for (const std::string& folder : listing->folders) {
      if (holds && (folder == "cur" || folder == "new" || folder == "tmp")) continue;
      const bool hidden = folder.starts_with('.');
      if (hidden && !is_folder(path + "/" + folder + "/cur")) continue;
      std::string level = level_of_file(folder);
      if (hidden) level = maildir::decode_folder(folder).value_or(maildir::raw_folder(folder));
      auto found = find(path + "/" + folder, below(name, level), depth - 1);
      if (!found) strange_.push_back(found.error().what);
    }
    return {};
  }

  Result<void> read(const SourceMailbox& mailbox, const Reading& reading) override {
    const maildir::Folder folder(mailbox.path);
    auto table = maildir::Keywords(folder, system_clock()).read();
    if (!table) {
      reading.bad(mailbox.path + ": keywords", table.error());
      table = maildir::KeywordTable();
    }
    auto scan = folder.scan();
    if (!scan) {
      reading.bad(mailbox.path, scan.error());
      return {};
    }
    const LetterNotes notes = read_notes(mailbox.path);
    for (auto* list : {&scan->messages, &scan->doubles}) {
      for (const maildir::Found& found : *list) {
        const auto known = notes.find(maildir::unique_part(found.base));
        const LetterNote note = known == notes.end() ? LetterNote() : known->second;
        if (auto done = read_one(mailbox, folder, *table, found, note, reading); !done) return done;
      }
    }
    return {};
  }

 private:
  void count(const std::string& path) {
    for (const char* part : {"/new", "/cur"}) {
      if (auto listing = list_folder(path + part)) mailboxes_.back().amount += listing->files.size();
    }
  }

  static Result<void> read_one(const SourceMailbox& mailbox, const maildir::Folder& folder,
                               const maildir::KeywordTable& table, const maildir::Found& found,
                               const LetterNote& note, const Reading& reading) {
    reading.passed(1);
    Letter letter;
    letter.where = fmt::format("{}/{}/{}", mailbox.path,
                               found.place.where == maildir::Where::fresh ? "new" : "cur", found.place.file);
    auto file = folder.open_message(found.base, found.place);
    auto reader = file ? maildir::Reader::open(std::move(*file)) : std::unexpected(file.error());
    if (!reader) {
      reading.bad(letter.where, reader.error());
      return {};
    }
    letter.date = note.date.value_or(reader->date());
    letter.flags = mirror::to_flags(found.marks, table);
    for (const std::string& keyword : note.flags.keywords) {  // that found no letter when we exported them
      if (!table.find(keyword) && !iequals(keyword, mirror::kForwarded))
        letter.flags.keywords.push_back(keyword);
    }
    letter.read = [&](uint64_t offset, size_t length) { return reader->read(offset, length); };
    return reading.letter(letter);
  }
};

}  // namespace

Result<std::unique_ptr<Source>> open_maildirs(const std::string& path) {
  auto out = std::make_unique<Maildirs>();
  if (auto found = out->find(maildir::without_slashes(path), "", kFolderDepth); !found)
    return std::unexpected(found.error());
  return out;
}

}  // namespace posthouse::app::moving
