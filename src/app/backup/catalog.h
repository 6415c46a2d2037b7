// What one backup consists of: which files, and what they hold. docs/formats/backup.md has the format.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace posthouse::app::backup {

constexpr size_t kMostLost = 10'000;

enum class Part : uint8_t {
  store,    // of the store: its name in the store's folder
  data,     // keys and certificates of our own: its path in the data directory
  config,   // the configuration file: its absolute path
  outside,  // what the configuration names elsewhere: its absolute path
  letters,  // a list of letters that were in files (letter_list.h): its account and mailbox
};

struct File {
  Part part = Part::store;
  std::string path;
  uint64_t size = 0;
  int64_t modified = 0;  // nanoseconds since 1970, of the file that was copied
  uint32_t mode = 0600;
  std::string sha256;  // hexadecimal: names its copy in the pool
};

// A letter whose body the store did not have any more, or not whole, when the backup was made.
struct LostLetter {
  std::string account, mailbox;  // address, name
  uint32_t uid = 0;
  uint64_t blob = 0;
  std::string words;  // letter_words.h

  std::string line() const;  // for people
};

struct Catalog {
  std::string id;  // "20261128T205300Z": when it was asked for
  std::string version;
  std::string hostname;
  bool running = false;  // the server was at work
  uint64_t accounts = 0, mailboxes = 0, messages = 0;
  uint64_t bytes = 0;   // of letters, as clients see them
  uint64_t queued = 0;  // letters on their way to other hosts
  // Of those, letters in Maildirs and mboxes, which are in the pool by themselves:
  uint64_t file_letters = 0;
  uint64_t file_bytes = 0;
  uint64_t file_gone = 0;    // were removed by others while they were read
  uint64_t file_unread = 0;  // could not be read
  uint64_t unseen = 0;       // accounts whose files could not be looked at: who knows what is in them
  uint64_t copied = 0;       // bytes that were not in the pool before
  // Bodies in the store: the newest of those that were looked at (of this backup or, in the same files, an
  // earlier one); 0: not known. Those that were lost, the first kMostLost of them, and how many there are
  // more.
  uint64_t bodies_to = 0;
  std::vector<LostLetter> lost;
  uint64_t lost_more = 0;
  std::vector<std::string> damage_seen;  // names of the folders in DATA/store.damaged
  std::vector<File> files;

  bool is_complete() const { return bodies_to != 0 && lost.empty() && file_unread == 0 && unseen == 0; }

  uint64_t total() const;  // bytes of all files, without those letters
};

std::string encode(const Catalog& catalog);
// `corrupt` with advice for what is damaged or of an unknown version; `newer`: whole, but of a newer program.
Result<Catalog> decode(std::string_view text, const std::string& name, bool* newer = nullptr);

}  // namespace posthouse::app::backup
