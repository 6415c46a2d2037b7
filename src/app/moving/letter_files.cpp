#include "app/moving/letter_files.h"

#include <charconv>
#include <fstream>

#include "app/moving/names.h"
#include "app/moving/source.h"
#include "base/ascii.h"
#include "maildir/reader.h"

namespace posthouse::app::moving {
namespace {

constexpr size_t kLongestLine = 64 * 1024;

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
    if (!is_folder(mailbox.path)) return read_one(mailbox.path, {}, reading);
    auto listing = list_folder(mailbox.path);
    if (!listing) {
      reading.bad(mailbox.path, listing.error());
      return {};
    }
    const auto flags = read_flags_file(mailbox.path);
    for (const std::string& file : listing->files) {
      if (!is_letter(file)) continue;
      const auto known = flags.find(file);
      auto done = read_one(mailbox.path + "/" + file, known == flags.end() ? store::FlagSet() : known->second,
                           reading);
      if (!done) return done;
    }
    return {};
  }

 private:
  static Result<void> read_one(const std::string& path, store::FlagSet flags, const Reading& reading) {
    reading.passed(1);
    auto reader = maildir::Reader::open(path);
    if (!reader) {
      reading.bad(path, reader.error());
      return {};
    }
    Letter letter;
    letter.where = path;
    letter.date = reader->date();
    letter.flags = std::move(flags);
    letter.read = [&](uint64_t offset, size_t length) { return reader->read(offset, length); };
    return reading.letter(letter);
  }
};

}  // namespace

std::string flags_line(const std::string& file, const store::FlagSet& flags) {
  std::string out = fmt::format("{}\t{}\t", file, flags.system);
  for (size_t i = 0; i < flags.keywords.size(); ++i) {
    if (i > 0) out += ' ';
    out += flags.keywords[i];
  }
  return out + "\n";
}

std::map<std::string, store::FlagSet, std::less<>> read_flags_file(const std::string& folder) {
  std::map<std::string, store::FlagSet, std::less<>> out;
  std::ifstream in(folder + "/" + std::string(kFlagsFile));
  std::string line;
  while (std::getline(in, line)) {
    const size_t first = line.find('\t');
    const size_t second = first == line.npos ? line.npos : line.find('\t', first + 1);
    if (second == line.npos || line.size() > kLongestLine) continue;
    store::FlagSet flags;
    const auto read = std::from_chars(line.data() + first + 1, line.data() + second, flags.system);
    if (read.ec != std::errc() || read.ptr != line.data() + second) continue;
    std::string_view rest = std::string_view(line).substr(second + 1);
    while (!rest.empty()) {
      const size_t end = std::min(rest.find(' '), rest.size());
      if (end > 0) flags.keywords.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    out[line.substr(0, first)] = std::move(flags);
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
