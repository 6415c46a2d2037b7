// Where letters come from that move in: files of the formats that mail programs write. Read in order, one
// letter at a time; memory does not grow with what is read.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/types.h"

namespace posthouse::app::moving {

constexpr int kFolderDepth = 32;  // of folders in folders

struct Letter {
  uint64_t id = 0;    // for Source::settled(); 0: it does not care
  std::string where;  // for people
  SystemTime date{};
  store::FlagSet flags;
  // Its bytes with CRLF line ends; fewer than `length` only at its end. As long as the sink is running.
  std::function<Result<std::string>(uint64_t offset, size_t length)> read;
};

struct SourceMailbox {
  std::string name;  // UTF-8 with "/" between levels
  std::string path;
  uint64_t amount = 0;                   // of Source::total()
  store::Role role = store::Role::none;  // what the source uses it for
};

// What the reading of a source calls.
struct Reading {
  // A fault ends the reading: it is one of where the letters go.
  std::function<Result<void>(Letter&)> letter;
  // Something that can't be read is left out.
  std::function<void(std::string where, const Fault& fault)> bad;
  std::function<void(uint64_t)> passed;  // so much more of Source::total()
  // For sources that remember what their letters are and need not read them again: whether the mailbox has
  // this one, which then counts as read, and stands for no other.
  std::function<bool(uint64_t size, uint64_t checksum, const store::FlagSet& flags)> known;
  std::function<void(bool there)> unread;  // a letter that is not read, for it is there or this is a dry run
  bool dry_run = false;
  bool sync_flags = false;  // known() wants to know flags
};

struct Settled {
  uint64_t id = 0, size = 0, checksum = 0;  // engine::BlobChecksum
};

class Source {
 public:
  virtual ~Source() = default;
  const std::vector<SourceMailbox>& mailboxes() const { return mailboxes_; }
  uint64_t total() const;                              // of all mailboxes
  bool counts_bytes() const { return counts_bytes_; }  // else letters
  // What was found in the place and is none of its letters.
  const std::vector<std::string>& strange() const { return strange_; }
  // What was left out on purpose, a line each.
  const std::vector<std::string>& left_out() const { return left_out_; }
  // Leaves out mailboxes, and with them those below: all but `only`, if there is any, and `exclude`.
  void choose(const std::vector<std::string>& only, const std::vector<std::string>& exclude);
  // Mailboxes have the names that an export noted (path within `root` -> name). Folders that are none of them
  // and hold no letters only lead to others.
  void name_as_noted(const std::string& root, const std::map<std::string, std::string, std::less<>>& noted);
  virtual Result<void> read(const SourceMailbox& mailbox, const Reading& reading) = 0;
  // These letters of the mailbox that is being read are safe in the account now.
  virtual void settled(const std::vector<Settled>& letters) { static_cast<void>(letters); }

 protected:
  std::vector<SourceMailbox> mailboxes_;
  std::vector<std::string> strange_, left_out_;
  bool counts_bytes_ = false;
};

// `format`: "mbox", "maildir", "eml", or "auto" to look. not_found: there is nothing of it. syntax: it can't
// be told what it is.
Result<std::unique_ptr<Source>> open_source(const std::string& path, const std::string& format);

Result<std::unique_ptr<Source>> open_maildirs(const std::string& path);
Result<std::unique_ptr<Source>> open_mboxes(const std::string& path);
Result<std::unique_ptr<Source>> open_letters(const std::string& path);  // .eml

}  // namespace posthouse::app::moving
