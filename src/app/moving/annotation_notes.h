// The file `.posthouse-annotations` beside `.posthouse-export`: annotations (METADATA, RFC 5464) of the
// mailboxes that are in the folder, which no format of files has a place for. A line each:
//   MAILBOX TAB NAME TAB VALUE     "" for the account itself; VALUE in base64
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/control/admin.h"
#include "app/moving/import.h"

namespace posthouse::app::moving {

class AnnotationNotes {
 public:
  // What is in the folder's file: nothing if there is none. Lines that can't be read are passed over.
  static Result<AnnotationNotes> read(const std::string& directory);
  void add(const std::string& mailbox, std::string_view name, std::string_view value);
  Result<void> write(const std::string& directory) const;  // on disk when it returns; none for none
  // Brings those of the mailboxes that were imported, and with `of_account` those of the account, where there
  // is none of that name.
  Result<void> bring(control::Admin& admin, const std::string& address,
                     const std::vector<MovedMailbox>& imported, bool of_account) const;

 private:
  using Entries = std::vector<std::pair<std::string, std::string>>;
  std::map<std::string, Entries> mailboxes_;
};

}  // namespace posthouse::app::moving
