#include "test_folder.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <iterator>
#include <stdexcept>

namespace posthouse::maildir::test {

TestFolder::TestFolder() {
  std::string pattern = (fs::temp_directory_path() / "posthouse-maildir-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
  path_ = pattern;
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

NameMaker& names() {
  static posthouse::test::SeededRandom random;
  static NameMaker maker(system_clock(), random, "mx.test");
  return maker;
}

void put_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.flush();
  if (!file) throw std::runtime_error("write " + path);
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path().filename().string());
  std::sort(files.begin(), files.end());
  return files;
}

std::string message_of(const Folder& folder, const std::string& key) {
  Result<File> file = folder.open_message(key);
  if (!file) return "fault: " + file.error().what;
  Result<Reader> reader = Reader::open(std::move(*file));
  if (!reader) return "fault: " + reader.error().what;
  const Result<std::string> text = reader->read(0, 100'000'000);
  return text ? *text : "fault: " + text.error().what;
}

std::string put_message(const Folder& folder, const std::string& text, Commit commit) {
  if (commit.unique.empty()) commit.unique = names().unique();
  Result<Writer> writer = Writer::open(folder, names().unique());
  EXPECT_TRUE(writer) << writer.error().what;
  EXPECT_TRUE(writer->append(text));
  const Result<Committed> done = writer->commit(commit);
  EXPECT_TRUE(done) << done.error().what;
  return commit.unique;
}

std::set<std::string> keys_of(const Scan& scan) {
  std::set<std::string> keys;
  for (const Found& message : scan.messages) keys.emplace(unique_part(message.base));
  return keys;
}

}  // namespace posthouse::maildir::test
