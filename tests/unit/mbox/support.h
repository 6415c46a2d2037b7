// What the tests of the mbox room share: folders that go away, letters, reading back.
#pragma once

#include <sys/fsuid.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "mbox/file.h"
#include "mbox/scan.h"
#include "mbox/text.h"

namespace posthouse::mbox {

class TempFolder {
 public:
  TempFolder() {
    // In memory where that is possible: the tests flush often, and what a flush does is not what they test.
    const std::filesystem::path in_memory = "/dev/shm";
    const bool can = ::access(in_memory.c_str(), W_OK) == 0;
    const std::filesystem::path base = can ? in_memory : std::filesystem::temp_directory_path();
    std::string name = (base / "mbox-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// While it lives this thread has no more rights to files than anybody: root may read everything.
class AsNobody {
 public:
  AsNobody() : before_(::setfsuid(kNobody)) {}
  ~AsNobody() { ::setfsuid(static_cast<uid_t>(before_)); }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  static constexpr uid_t kNobody = 65534;
  int before_;
};

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void spill(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
}

// A scan of text that is all there, fed in pieces.
inline Result<std::vector<Record>> scan_text(std::string_view text, size_t piece = SIZE_MAX,
                                             uint64_t* work = nullptr) {
  std::vector<Record> records;
  const auto read = [&](uint64_t at, size_t n) {
    return at >= text.size() ? std::string() : std::string(text.substr(at, n));
  };
  Scanner scanner([&](Record&& record) { records.push_back(std::move(record)); },
                  [&](uint64_t at) { return next_record_at(at, read); });
  for (size_t at = 0; at < text.size(); at += std::min(piece, text.size() - at)) {
    if (auto fed = scanner.feed(text.substr(at, piece)); !fed) return std::unexpected(fed.error());
  }
  if (auto done = scanner.finish(); !done) return std::unexpected(done.error());
  if (work != nullptr) *work = scanner.operations();
  return records;
}

// A record's message as IMAP shows it, decoded in pieces.
inline std::string message_of(std::string_view file, const Record& record, size_t piece = SIZE_MAX) {
  Decoder decoder(record);
  std::string out;
  while (!decoder.done()) decoder.write(file.substr(decoder.offset(), piece), out);
  return out;
}

// Gives `text` in pieces.
inline Source source_of(std::string text, size_t piece = 1000) {
  return [text = std::move(text), at = size_t(0), piece]() mutable -> Result<std::string_view> {
    const std::string_view next = std::string_view(text).substr(at, piece);
    at += next.size();
    return next;
  };
}

inline std::string read_message(Held& held, const Record& record, size_t piece = 777) {
  auto reader = held.reader(record);
  if (!reader) return "cannot read: " + reader.error().what;
  std::string out;
  for (;;) {
    const auto next = reader->read(out.size(), piece);
    if (!next) return "cannot read: " + next.error().what;
    if (next->empty()) return out;
    out += *next;
  }
}

inline std::vector<Record> scan_all(Held& held) {
  std::vector<Record> records;
  const auto result = held.scan([&](Record&& record) { records.push_back(std::move(record)); });
  EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().what);
  return records;
}

inline std::vector<Record> scan_all(Held&& held) {
  return scan_all(held);
}

inline Result<Record> append_one(const File& file, const Letter& letter, const std::string& text) {
  auto held = file.open(Access::write);
  if (!held) return std::unexpected(held.error());
  auto record = held->append(letter, source_of(text));
  if (!record) return record;
  if (auto done = held->commit(); !done) return std::unexpected(done.error());
  return record;
}

}  // namespace posthouse::mbox
