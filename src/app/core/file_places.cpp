#include "app/core/file_places.h"

#include <filesystem>

namespace posthouse::app {
namespace {

std::string or_below_data(const Config& config, const std::string& given, const char* usual) {
  return given.empty() ? config.server.data_directory + usual : given;
}

std::string maildir_pattern(const Config& config) {
  return or_below_data(config, config.store.maildir, "/maildir/{domain}/{local}");
}
std::string inbox_pattern(const Config& config) {
  return or_below_data(config, config.store.mbox_inbox, "/mbox/{domain}/{local}/inbox");
}
std::string folders_pattern(const Config& config) {
  return or_below_data(config, config.store.mbox_folders, "/mbox/{domain}/{local}/folders");
}

// One level of a path.
std::string as_level(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool harmless =
        c > 0x20 && c != 0x7f && c != '/' && c != '%' && c != '{' && c != '}' && (c != '.' || i != 0);
    if (harmless) {
      out += static_cast<char>(c);
    } else {
      out += fmt::format("%{:02X}", c);
    }
  }
  return out;
}

void replace(std::string& in, std::string_view word, std::string_view by) {
  for (size_t at = 0; (at = in.find(word, at)) != std::string::npos; at += by.size())
    in.replace(at, word.size(), by);
}

}  // namespace

std::string fill_path(std::string_view pattern, std::string_view address) {
  const size_t at = address.rfind('@');
  const std::string_view local = address.substr(0, at);
  const std::string_view domain = at == address.npos ? std::string_view() : address.substr(at + 1);
  std::string out(pattern);
  replace(out, "{local}", as_level(local));
  replace(out, "{domain}", as_level(domain));
  replace(out, "{address}", as_level(address));
  return out;
}

FilePlaces::FilePlaces(const Config& config)
    : format(config.store.format),
      maildir(maildir_pattern(config)),
      mbox_inbox(inbox_pattern(config)),
      mbox_folders(folders_pattern(config)) {}

Result<store::FilePlace> FilePlaces::of(std::string_view wanted, std::string_view address) const {
  const Result<store::Format> parsed = store::parse_format(wanted.empty() ? format : wanted);
  if (!parsed) return std::unexpected(parsed.error());
  store::FilePlace place;
  place.format = *parsed;
  if (*parsed == store::Format::maildir) place.inbox = fill_path(maildir, address);
  if (*parsed == store::Format::mbox) {
    place.inbox = fill_path(mbox_inbox, address);
    place.folders = fill_path(mbox_folders, address);
  }
  return place;
}

bool is_free(const std::string& path) {
  std::error_code failed;
  if (path.empty() || !std::filesystem::exists(path, failed)) return !failed;
  return std::filesystem::is_empty(path, failed) && !failed;
}

std::vector<std::string> file_roots(const Config& config) {
  std::vector<std::string> roots;
  for (const std::string& pattern :
       {maildir_pattern(config), inbox_pattern(config), folders_pattern(config)}) {
    const std::string same = pattern.substr(0, pattern.find('{'));
    std::string root = std::filesystem::path(same + "x").parent_path().string();
    if (!root.empty() && root != "/") roots.push_back(std::move(root));
  }
  return roots;
}

}  // namespace posthouse::app
