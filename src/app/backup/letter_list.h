// Which letters of a mailbox were in files, and which files of the pool hold their bytes. A list is a file of
// the pool itself; docs/formats/backup.md has the format.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/types.h"

namespace posthouse::app::backup {

struct ListedLetter {
  store::Uid uid = 0;
  uint64_t size = 0;   // of its bytes as clients see them
  std::string sha256;  // of them; "": they could not be had
  std::string stamp;   // of the file they came from (mirror::Driver::stamp), hashed; "": not known
};

// Rising by UID.
std::string encode_letters(const std::vector<ListedLetter>& letters);
// `corrupt` for anything else than what encode_letters() makes; `name` is for its words.
Result<std::vector<ListedLetter>> decode_letters(std::string_view text, const std::string& name);

// What a stamp is in a list.
std::string stamp_for_list(std::string_view stamp);

// The path of a list in the catalog.
struct ListPlace {
  store::AccountId account = 0;
  store::MailboxId mailbox = 0;
  auto operator<=>(const ListPlace&) const = default;
};
std::string list_path(const ListPlace& place);
std::optional<ListPlace> parse_list_path(std::string_view path);

}  // namespace posthouse::app::backup
