// Which mailboxes of another server are taken, and what they are called here.
#pragma once

#include <string>
#include <vector>

#include "app/moving/source.h"
#include "wire/imap_client/response.h"

namespace posthouse::app::moving {

struct ImapFolders {
  std::vector<SourceMailbox> taken;   // `path`: the name as the server has it
  std::vector<std::string> left_out;  // a line each, with the reason
};

// `all_mail`: also views that show letters of other mailboxes once more (RFC 6154: \All, \Flagged; RFC 8457:
// \Important). The prefix of the personal namespace is taken off (RFC 2342), mailboxes of others are left
// out.
ImapFolders choose_folders(const std::vector<wire::imap_client::Listed>& listed,
                           const wire::imap_client::Namespaces& namespaces, bool utf8, bool all_mail);

}  // namespace posthouse::app::moving
