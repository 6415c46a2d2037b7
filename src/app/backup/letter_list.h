// Which letters of a mailbox were in files, and which files of the pool hold their bytes: small ones share
// one, a pack. A list is a file of the pool itself; docs/formats/backup.md has the format.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/backup/catalog.h"
#include "base/result.h"
#include "store/types.h"

namespace posthouse::app::backup {

// A file of the pool with many letters, one behind the other.
struct Pack {
  std::string sha256;  // "" as long as it is being written
  uint64_t size = 0;
};

struct ListedLetter {
  store::Uid uid = 0;
  uint64_t size = 0;   // of its bytes as clients see them
  std::string sha256;  // of them; "": they could not be had
  std::string stamp;   // of the file they came from (mirror::Driver::stamp), hashed; "": not known
  std::shared_ptr<const Pack> pack;  // none: it is a file of the pool itself
  uint64_t offset = 0;               // in the pack

  // The file of the pool that its bytes are in.
  const std::string& pool_name() const { return pack ? pack->sha256 : sha256; }
  uint64_t pool_size() const { return pack ? pack->size : size; }
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
