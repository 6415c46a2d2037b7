#include "app/moving/letter_files.h"

#include <fcntl.h>

#include <charconv>

#include "app/moving/names.h"
#include "app/moving/source.h"
#include "base/ascii.h"
#include "maildir/file.h"
#include "maildir/reader.h"

namespace posthouse::app::moving {
namespace {

constexpr size_t kLongestLine = 64 * 1024;
constexpr size_t kLargestNotes = 64 << 20;  // a larger file is not ours

// Every file system can keep these.
constexpr SystemTime kFirstDate{seconds(0)}, kEndOfDates{seconds(INT32_MAX)};

template <class Number>
bool read_number(std::string_view text, Number& into) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), into);
  return read.ec == std::errc() && read.ptr == text.data() + text.size();
}

bool is_letter(std::string_view file) {
  return file.size() > 4 && iequals(file.substr(file.size() - 4), ".eml");
}

class LetterFiles : public Source {
 public:
  void take_file(const std::string& path) { mailboxes_.push_back({"INBOX", path, 1}); }

  Result<void> find(const std::string& path, const std::string& name, int depth) {
    auto listing = list_folder(path);
    if (!listing) return std::unexpected(listing.error());
    const auto letters = static_cast<uint64_t>(std::ranges::count_if(listing->files, is_letter));
    if (letters > 0 || !name.empty()) mailboxes_.push_back({name.empty() ? "INBOX" : name, path, letters});
    for (const std::string& folder : listing->folders) {
      if (depth == 0) break;
      auto found = find(path + "/" + folder, below(name, level_of_file(folder)), depth - 1);
      if (!found) strange_.push_back(found.error().what);
    }
    return {};
  }

  Result<void> read(const SourceMailbox& mailbox, const Reading& reading) override {
    if (!is_folder(mailbox.path)) return read_one(mailbox.path, nullptr, reading);
    auto listing = list_folder(mailbox.path);
    if (!listing) {
      reading.bad(mailbox.path, listing.error());
      return {};
    }
    const LetterNotes notes = read_notes(mailbox.path);
    for (const std::string& file : listing->files) {
      if (!is_letter(file)) continue;
      const auto known = notes.find(file);
      auto done =
          read_one(mailbox.path + "/" + file, known == notes.end() ? nullptr : &known->second, reading);
      if (!done) return done;
    }
    return {};
  }

 private:
  // A file with CRLF is the letter, octet for octet, and so is one that we exported (`note`); another has LF
  // for CRLF.
  static Result<void> read_one(const std::string& path, const LetterNote* note, const Reading& reading) {
    reading.passed(1);
    auto reader = maildir::Reader::open(path);
    const auto crlf = reader ? reader->begins_with_crlf() : std::unexpected(reader.error());
    if (!crlf) {
      reading.bad(path, crlf.error());
      return {};
    }
    if (note != nullptr || *crlf) reader->take_as_it_is();
    Letter letter;
    letter.where = path;
    letter.date = note != nullptr && note->date ? *note->date : reader->date();
    if (note != nullptr) letter.flags = note->flags;
    letter.read = [&](uint64_t offset, size_t length) { return reader->read(offset, length); };
    return reading.letter(letter);
  }
};

}  // namespace

bool is_date_of_file(SystemTime date) {
  return date >= kFirstDate && date < kEndOfDates;
}

std::string note_line(const std::string& file, const store::FlagSet& flags, SystemTime date) {
  std::string out = fmt::format("{}\t{}\t{}", file, flags.system, fmt::join(flags.keywords, " "));
  if (!is_date_of_file(date)) out += fmt::format("\t{}", date.time_since_epoch().count());
  return out + "\n";
}

LetterNotes read_notes(const std::string& folder) {
  LetterNotes out;
  const maildir::File directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return out;
  const auto text = maildir::read_small(directory.fd(), std::string(kFlagsFile), kLargestNotes);
  if (!text || !*text) return out;
  for (const std::string_view line : split(**text, '\n')) {
    const std::vector<std::string_view> parts = split(line, '\t');
    if (parts.size() < 3 || parts.size() > 4 || line.size() > kLongestLine) continue;
    LetterNote note;
    if (!read_number(parts[1], note.flags.system)) continue;
    for (const std::string_view keyword : split(parts[2], ' ')) {
      if (!keyword.empty()) note.flags.keywords.emplace_back(keyword);
    }
    int64_t date = 0;
    if (parts.size() == 4 && read_number(parts[3], date)) note.date = SystemTime(milliseconds(date));
    out[std::string(parts[0])] = std::move(note);
  }
  return out;
}

Result<std::unique_ptr<Source>> open_letters(const std::string& path) {
  auto out = std::make_unique<LetterFiles>();
  if (!is_folder(path)) {
    out->take_file(path);
  } else if (auto found = out->find(maildir::without_slashes(path), "", kFolderDepth); !found) {
    return std::unexpected(found.error());
  }
  return out;
}

}  // namespace posthouse::app::moving
