// The engines under test, by name, so that one suite runs on each.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include "engine/memory_engine.h"
#include "engine/rocks_engine.h"
#include "support/manual_executor.h"

namespace posthouse::engine {

// A folder of its own that goes with the object.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "posthouse-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline RocksOptions small_options(const std::string& directory) {
  RocksOptions options;
  options.directory = directory;
  options.create = true;
  options.memory_budget = 16 << 20;
  options.space_reserve = 0;
  return options;
}

inline std::unique_ptr<Engine> open_small(const std::string& directory) {
  auto opened = open_rocks_engine(small_options(directory));
  if (!opened) throw std::runtime_error(opened.error().what);
  return std::move(*opened);
}

inline std::unique_ptr<Engine> make_engine(const std::string& kind, const TempDir& dir) {
  if (kind == "memory") return make_memory_engine();
  return open_small(dir.path());
}

}  // namespace posthouse::engine
