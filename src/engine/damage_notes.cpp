#include "engine/damage_notes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

#include "base/log.h"
#include "engine/patch_file.h"
#include "engine/rocks_files.h"

namespace posthouse::engine {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kOfTables = "-tables";
constexpr std::string_view kSuspects = "SUSPECT";
constexpr std::string_view kLost = "LOST";
constexpr std::string_view kStandIns = "STAND-INS";
constexpr std::string_view kKeepBlobs = "KEEP-BLOBS";
constexpr std::string_view kTold = "README";
constexpr std::string_view kLostNothing = "NOTHING-LOST";
constexpr std::string_view kRepaired = "REPAIRED";
constexpr std::string_view kOver[] = {kLostNothing, kRepaired};
constexpr size_t kLongestKey = 4096;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::string to_hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) fmt::format_to(std::back_inserter(out), "{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::optional<std::string> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0 || hex.size() > 2 * kLongestKey) return std::nullopt;
  std::string out;
  for (size_t i = 0; i < hex.size(); i += 2) {
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    if (error != std::errc() || end != hex.data() + i + 2) return std::nullopt;
    out.push_back(static_cast<char>(byte));
  }
  return out;
}

// A line that can't be read stands for everything.
KeyRange parse_range(const std::string& line) {
  const KeyRange everything{"", std::string(1, '\xff')};
  const size_t space = line.find(' ');
  if (space == std::string::npos) return everything;
  const auto begin = from_hex(std::string_view(line).substr(0, space));
  const auto end = from_hex(std::string_view(line).substr(space + 1));
  return begin && end ? KeyRange{*begin, *end} : everything;
}

void remove(const std::string& path) {
  std::error_code ignored;
  fs::remove(path, ignored);
}

Result<void> add_line(const std::string& path, const std::string& line) {
  std::string text = read_whole(path);
  const std::vector<std::string> there = lines_of(text);
  if (std::ranges::find(there, line) != there.end()) return {};
  return write_whole(path, text + line + "\n");
}

}  // namespace

// "... in /var/lib/posthouse/store/000009.sst offset ..."; RocksDB tries an older name (.ldb) when the file
// is not there.
std::string suspect_of(std::string_view message) {
  for (const std::string_view extension : {".sst", ".ldb"}) {
    for (size_t dot = message.find(extension); dot != std::string_view::npos;
         dot = message.find(extension, dot + 1)) {
      size_t begin = dot;
      while (begin > 0 && message[begin - 1] >= '0' && message[begin - 1] <= '9') --begin;
      if (begin < dot) return std::string(message.substr(begin, dot - begin)) + ".sst";
    }
  }
  const bool blob =
      message.find("blob") != std::string_view::npos || message.find("Blob") != std::string_view::npos;
  return std::string(blob ? kSuspectBlobs : kSuspectEverything);
}

Result<void> DamageNotes::suspect(const std::string& name) const {
  return add_line(file(kSuspects), name);
}

std::vector<std::string> DamageNotes::suspects() const {
  return lines_of(read_whole(file(kSuspects)));
}

void DamageNotes::forget_suspects() const {
  remove(file(kSuspects));
}

Result<void> DamageNotes::lost(const std::vector<KeyRange>& ranges) const {
  std::string text;
  for (const KeyRange& range : ranges) text += to_hex(range.begin) + " " + to_hex(range.end) + "\n";
  return write_whole(file(kLost), text);
}

std::vector<KeyRange> DamageNotes::lost() const {
  std::vector<KeyRange> out;
  for (const std::string& line : lines_of(read_whole(file(kLost)))) out.push_back(parse_range(line));
  return out;
}

void DamageNotes::forget_lost() const {
  remove(file(kLost));
}

Result<void> DamageNotes::stand_in(const std::string& name) const {
  return add_line(file(kStandIns), name);
}

bool DamageNotes::has_stand_ins() const {
  const std::vector<std::string> names = lines_of(read_whole(file(kStandIns)));
  if (names.empty()) return false;
  std::error_code error;
  const bool some =
      std::ranges::any_of(names, [&](const auto& name) { return fs::exists(file(name), error); });
  if (!some) remove(file(kStandIns));
  return some;
}

Result<void> DamageNotes::keep_blobs() const {
  return write_whole(
      file(kKeepBlobs),
      "A blob file is damaged beyond mending: values are not moved while this file is here.\n");
}

bool DamageNotes::keeps_blobs() const {
  std::error_code error;
  return fs::exists(file(kKeepBlobs), error);
}

Result<void> DamageNotes::copy_to(const std::string& directory) const {
  const DamageNotes copy(directory);
  std::error_code error;
  for (const std::string_view name : {kSuspects, kLost, kStandIns, kKeepBlobs}) {
    if (!fs::exists(file(name), error)) continue;
    if (Result<void> written = write_whole(copy.file(name), read_whole(file(name))); !written) return written;
  }
  return {};
}

Result<void> KeptAside::make() {
  if (!folder_.empty()) return {};
  Result<std::string> made = new_damaged_folder(directory_, kOfTables);
  if (!made) return std::unexpected(made.error());
  folder_ = std::move(*made);
  return {};
}

Result<void> KeptAside::keep(const std::string& name, std::string_view bytes) {
  if (Result<void> made = make(); !made) return made;
  return write_whole(folder_ + "/" + name, bytes);
}

Result<void> KeptAside::keep_copy(const std::string& path) {
  if (Result<void> made = make(); !made) return made;
  const fs::path to = fs::path(folder_) / fs::path(path).filename();
  std::error_code error;
  if (!fs::exists(path, error)) return {};
  fs::copy_file(path, to, fs::copy_options::overwrite_existing, error);
  if (error) return fail(FaultKind::io, fmt::format("{}: {}", to.string(), error.message()));
  Result<PatchFile> file = PatchFile::open(to.string());
  if (!file) return std::unexpected(file.error());
  return file->write(0, "");
}

void KeptAside::tell(std::string sentence, Loss loss) {
  log::error("engine.mended", {{"what", sentence}});
  told_ += std::move(sentence) + "\n";
  if (!make()) return;
  static_cast<void>(write_whole(folder_ + "/" + std::string(kTold), told_));
  lost_ = lost_ || loss == Loss::some;
  const std::string mark = folder_ + "/" + std::string(kLostNothing);
  std::error_code error;
  if (lost_) {
    fs::remove(mark, error);
  } else {
    static_cast<void>(write_whole(mark, ""));
  }
}

Result<void> tell_in(const std::string& folder, const std::string& sentence) {
  return write_whole(folder + "/" + std::string(kTold), sentence + "\n");
}

bool is_over_in(const std::string& folder) {
  std::error_code error;
  return std::ranges::any_of(
      kOver, [&](std::string_view mark) { return fs::exists(folder + "/" + std::string(mark), error); });
}

bool is_of_tables(const std::string& folder) {
  return folder.find(kOfTables, folder.rfind('/') + 1) != std::string::npos;
}

Result<void> note_over_in(const std::string& folder) {
  if (is_over_in(folder)) return {};
  return write_whole(folder + "/" + std::string(kRepaired), "");
}

std::vector<std::string> told_in(const std::string& folder) {
  return lines_of(read_whole(folder + "/" + std::string(kTold)));
}

}  // namespace posthouse::engine
