// A live account on an IMAP server as a source of letters.
#pragma once

#include <memory>

#include "app/moving/imap_connection.h"
#include "app/moving/source.h"

namespace posthouse::app::moving {

struct ImapChoice {
  bool all_mail = false;
  bool only_new = false;  // what was brought once does not come again, also if the account lost it since
  std::string known;      // folder of KnownLetters; "": nothing is remembered
  std::string address;    // of the account that the letters go to
};

// Logs in and lists the mailboxes. Starts a thread. `options` but for its contexts and resolver are taken
// over.
Result<std::unique_ptr<Source>> open_imap(ImapOptions options, ImapChoice choice);

}  // namespace posthouse::app::moving
