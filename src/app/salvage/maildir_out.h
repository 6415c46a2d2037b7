// Writes letters into a new Maildir.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/salvage.h"

namespace posthouse::app {

class MaildirOut {
 public:
  // Makes PATH with cur, new and tmp when the first letter comes.
  explicit MaildirOut(std::string path) : path_(std::move(path)) {}

  // The letter's bytes piece by piece, line ends as they are in the store; the file is there when all of it
  // was written.
  using Pieces = std::function<Result<std::string>(uint64_t offset)>;
  Result<void> add(const store::SalvagedLetter& letter, const Pieces& pieces);
  // The numbers of keywords.
  Result<void> finish() const;

 private:
  Result<void> make();
  std::string flags_of(const store::FlagSet& flags, bool& complete);

  std::string path_;
  bool made_ = false;
  std::vector<std::string> keywords_;
  std::string more_;  // lines about letters that have keywords which found no place there
};

// A folder's name for an address or a mailbox: anything but letters, digits and a few others as %XX.
std::string folder_name(std::string_view name);

}  // namespace posthouse::app
