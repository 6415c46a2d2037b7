// A folder below the temporary one that goes with the test, and small steps in it.
#pragma once

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "maildir/folder.h"
#include "maildir/reader.h"
#include "maildir/writer.h"
#include "support/seeded_random.h"

namespace posthouse::maildir::test {

namespace fs = std::filesystem;

class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string path(const std::string& below) const { return path_ + "/" + below; }

 private:
  std::string path_;
};

NameMaker& names();  // seeded

void put_file(const std::string& path, const std::string& text);
std::string text_of(const std::string& path);
std::vector<std::string> files_in(const std::string& folder);          // sorted
std::string message_of(const Folder& folder, const std::string& key);  // as CRLF bytes
// Writes and commits; the key.
std::string put_message(const Folder& folder, const std::string& text, Commit commit = {});
std::set<std::string> keys_of(const Scan& scan);  // unique parts

}  // namespace posthouse::maildir::test
