// SHA-256, which names the files of a backup and tells whether they are still what they were.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace posthouse::app::backup {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void feed(std::string_view bytes);
  std::string finish();  // hexadecimal; once

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

std::string sha256(std::string_view bytes);
bool is_sha256(std::string_view text);

}  // namespace posthouse::app::backup
