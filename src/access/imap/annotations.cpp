#include "access/imap/annotations.h"

#include <algorithm>
#include <map>

#include "access/imap/commands.h"
#include "access/imap/special_use.h"
#include "wire/imap/encode.h"

namespace posthouse::access::imap {

namespace {

using wire::imap::GetMetadata;

// Value by name; nothing: NIL.
using Found = std::map<std::string, std::optional<std::string>>;

// RFC 5464 section 3.2.1.1: a URI. Postmaster always has a reader.
std::string admin_uri(const Session& s) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string uri = "mailto:postmaster@";
  const size_t at = s.address.rfind('@');
  for (const char c : at == std::string::npos ? s.options->hostname : s.address.substr(at + 1)) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x80) {
      uri += c;
    } else {
      uri += '%';
      uri += kHex[octet >> 4];
      uri += kHex[octet & 15];
    }
  }
  return uri;
}

void add_computed(const Session& s, const Located* mailbox, std::vector<store::Annotation>& all) {
  if (mailbox == nullptr) {
    all.push_back({std::string(kAdminEntry), admin_uri(s)});
  } else if (const std::string_view use = special_use(mailbox->info.role); !use.empty()) {
    all.push_back({std::string(kSpecialUseEntry), std::string(use)});
  }
}

// Section 4.2.2.
bool is_asked_for(std::string_view name, std::string_view entry, GetMetadata::Depth depth) {
  if (name == entry) return true;
  if (depth == GetMetadata::none || !name.starts_with(entry) || name[entry.size()] != '/') return false;
  return depth == GetMetadata::infinity || name.find('/', entry.size() + 1) == std::string_view::npos;
}

Found choose(std::vector<store::Annotation> all, const GetMetadata& c) {
  Found found;
  for (const std::string& entry : c.entries) {
    bool any = false;
    for (const store::Annotation& one : all) {
      if (!is_asked_for(one.name, entry, c.depth)) continue;
      found[one.name] = one.value;
      any = true;
    }
    // Section 4.2: there is an answer in any case.
    if (!any) found.emplace(entry, std::nullopt);
  }
  return found;
}

}  // namespace

Task<Result<void>> tell_annotations(Session& s, const Located* mailbox, const GetMetadata& c,
                                    uint64_t& longest) {
  const store::AccountId account = mailbox == nullptr ? s.account : mailbox->account;
  Result<std::vector<store::Annotation>> all =
      co_await s.store().annotations(account, mailbox == nullptr ? 0 : mailbox->info.id);
  if (!all) co_return std::unexpected(all.error());
  if (account != s.account)
    std::erase_if(*all, [](const store::Annotation& one) { return !one.name.starts_with("/shared/"); });
  add_computed(s, mailbox, *all);
  Found found = choose(std::move(*all), c);
  std::erase_if(found, [&](const auto& one) {
    const bool too_long = c.max_size && one.second && one.second->size() > *c.max_size;
    if (too_long) longest = std::max<uint64_t>(longest, one.second->size());
    return too_long;
  });
  if (found.empty()) co_return Result<void>();
  s.out += "* METADATA ";
  append_mailbox(s, mailbox == nullptr ? "" : mailbox->info.name);
  std::string_view before = " (";
  for (const auto& [name, value] : found) {
    s.out += before;
    wire::imap::append_astring(s.out, name);
    s.out += ' ';
    if (value) {
      wire::imap::append_octets(s.out, *value);
    } else {
      s.out += "NIL";
    }
    before = " ";
    if (s.wants_flush()) co_await s.flush();
  }
  s.out += ")\r\n";
  co_return Result<void>();
}

}  // namespace posthouse::access::imap
