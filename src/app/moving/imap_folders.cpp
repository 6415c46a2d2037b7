#include "app/moving/imap_folders.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/moving/imap_connection.h"
#include "app/moving/names.h"
#include "base/ascii.h"
#include "wire/imap/mailbox_name.h"

namespace posthouse::app::moving {

using wire::imap_client::Listed;
using wire::imap_client::Namespaces;

namespace {

struct Use {
  std::string_view attribute;
  store::Role role;
};
// RFC 6154, and XLIST's of old.
constexpr Use kUses[] = {{"\\Drafts", store::Role::drafts},      {"\\Sent", store::Role::sent},
                         {"\\Junk", store::Role::junk},          {"\\Spam", store::Role::junk},
                         {"\\Trash", store::Role::trash},        {"\\Archive", store::Role::archive},
                         {"\\Important", store::Role::important}};
constexpr std::string_view kViews[] = {"\\All", "\\AllMail", "\\Flagged", "\\Starred", "\\Important"};

store::Role role_of(const Listed& listed) {
  for (const Use& use : kUses) {
    if (listed.is(use.attribute)) return use.role;
  }
  return store::Role::none;
}

// INBOX is no part of the prefix "INBOX.": it stays what it is.
std::string_view without_prefix(std::string_view name, const Namespaces& namespaces) {
  for (const Namespaces::One& one : namespaces.personal) {
    if (one.prefix.empty() || name.size() <= one.prefix.size()) continue;
    const std::string_view begin = name.substr(0, one.prefix.size());
    const bool same = istarts_with(one.prefix, "INBOX") ? iequals(begin, one.prefix) : begin == one.prefix;
    if (same) return name.substr(one.prefix.size());
  }
  return name;
}

bool is_of_others(std::string_view name, const Namespaces& namespaces) {
  const auto within = [&](const Namespaces::One& one) {
    return !one.prefix.empty() && name.starts_with(one.prefix);
  };
  return std::ranges::any_of(namespaces.others, within) || std::ranges::any_of(namespaces.shared, within);
}

// UTF-8 with "/" between levels; a "/" within one becomes "_".
std::string our_name(std::string_view theirs, char separator, bool utf8) {
  std::string out;
  const std::vector<std::string_view> levels =
      separator == 0 ? std::vector<std::string_view>{theirs} : split(theirs, separator);
  for (const std::string_view level : levels) {
    if (level.empty()) continue;
    std::string name(level);
    if (!utf8) name = wire::imap::decode_mailbox_name(level).value_or(name);
    std::ranges::replace(name, '/', '_');
    out = below(out, name);
  }
  return iequals(out, "INBOX") ? "INBOX" : out;
}

}  // namespace

ImapFolders choose_folders(const std::vector<Listed>& listed, const Namespaces& namespaces, bool utf8,
                           bool all_mail) {
  ImapFolders out;
  for (const Listed& one : listed) {
    if (one.is("\\Noselect") || one.is("\\NonExistent")) continue;
    const std::string shown = words_of_server(one.name);
    const auto is_view = [&](std::string_view attribute) { return one.is(attribute); };
    if (!all_mail && std::ranges::any_of(kViews, is_view)) {
      out.left_out.push_back(
          fmt::format("{}: it shows letters of other mailboxes once more (--all-mail takes it)", shown));
      continue;
    }
    if (is_of_others(one.name, namespaces)) {
      out.left_out.push_back(shown + ": it belongs to others");
      continue;
    }
    SourceMailbox mailbox;
    mailbox.name = our_name(without_prefix(one.name, namespaces), one.separator, utf8);
    mailbox.path = one.name;
    mailbox.role = role_of(one);
    const auto same = [&](const SourceMailbox& other) { return other.path == mailbox.path; };
    if (!mailbox.name.empty() && std::ranges::none_of(out.taken, same))
      out.taken.push_back(std::move(mailbox));
  }
  std::ranges::sort(out.taken, {}, [](const SourceMailbox& mailbox) {
    return std::tuple(mailbox.name != "INBOX", mailbox.name, mailbox.path);
  });
  return out;
}

}  // namespace posthouse::app::moving
