// Where accounts that keep their mail in files have them, by the templates of the configuration.
#pragma once

#include <string>
#include <string_view>

#include "app/config/config.h"
#include "base/result.h"
#include "store/files.h"

namespace posthouse::app {

// "{domain}", "{local}" and "{address}" stand for parts of the account's address.
struct FilePlaces {
  explicit FilePlaces(const Config& config);

  // `format`: "" for the configuration's own. Fails with syntax for a word that is no format.
  Result<store::FilePlace> of(std::string_view format, std::string_view address) const;

  std::string format, maildir, mbox_inbox, mbox_folders;
};

// A template with the parts of an address filled in. Characters that would mean something in a path ("/", a
// dot in front, control characters) become %XX, so no address leads elsewhere.
std::string fill_path(std::string_view pattern, std::string_view address);

// The folders below which all files of accounts are: the templates as far as they are the same for everybody.
std::vector<std::string> file_roots(const Config& config);

// Nothing is there that would become an account's, beside what it has. Also of "".
bool is_free(const std::string& path);

}  // namespace posthouse::app
