#include "access/jmap/email_patch.h"

#include <algorithm>

#include "access/jmap/blob_id.h"
#include "access/jmap/limits.h"
#include "access/jmap/utc_date.h"
#include "base/ascii.h"

namespace posthouse::access::jmap {
namespace {

constexpr std::string_view kKeywords = "keywords", kMailboxIds = "mailboxIds";

// "~1" is "/" and "~0" is "~" in a name (RFC 6901 section 4).
std::string unescaped(std::string_view token) {
  std::string out;
  for (size_t at = 0; at < token.size(); ++at) {
    const bool escape =
        token[at] == '~' && at + 1 < token.size() && (token[at + 1] == '0' || token[at + 1] == '1');
    out += escape ? (token[++at] == '0' ? '~' : '/') : token[at];
  }
  return out;
}

template <class T>
void differ(const std::set<T>& now, const std::set<T>& wanted, std::set<T>& add, std::set<T>& remove) {
  std::ranges::set_difference(wanted, now, std::inserter(add, add.end()));
  std::ranges::set_difference(now, wanted, std::inserter(remove, remove.end()));
}

// An update as it is read.
struct PatchReader {
  const Call& call;
  const MailboxTree& tree;
  const Letter& letter;
  std::set<std::string> keywords{};
  std::set<store::MailboxId> mailboxes{};
  EmailPatch out{};
  WrongProperties wrong{};

  void replace_keywords(const json::value& value) {
    // Null is the default: none.
    const auto wanted = value.is_null() ? std::set<std::string>() : read_keywords_object(value);
    if (!wanted) return wrong.add(kKeywords, "are not keywords, each true");
    differ(keywords, *wanted, out.add_keywords, out.remove_keywords);
  }
  void replace_mailboxes(const json::value& value) {
    const auto wanted = read_mailboxes_object(call, tree, value);
    if (!wanted) return wrong.add(kMailboxIds, "are not mailboxes, each true");
    differ(mailboxes, *wanted, out.add_mailboxes, out.remove_mailboxes);
  }
  void patch_keyword(const std::string& name, std::string_view path, const json::value& value) {
    const std::string keyword = to_lower(name);
    const bool on = value.is_bool() && value.get_bool();
    if (!flags_of({keyword}) || (!on && !value.is_null()))
      return wrong.add(path, "is no keyword, or neither true nor null");
    if (on && !keywords.contains(keyword)) out.add_keywords.insert(keyword);
    if (!on && keywords.contains(keyword)) out.remove_keywords.insert(keyword);
  }
  void patch_mailbox(const std::string& name, std::string_view path, const json::value& value) {
    const std::optional<std::string> id = created_id(call, name);
    const std::optional<store::MailboxId> mailbox = id ? parse_mailbox_id(*id) : std::nullopt;
    const bool on = value.is_bool() && value.get_bool();
    if (!mailbox || (on && tree.find(*mailbox) == nullptr) || (!on && !value.is_null()))
      return wrong.add(path, "is no mailbox, or neither true nor null");
    if (on && !mailboxes.contains(*mailbox)) out.add_mailboxes.insert(*mailbox);
    if (!on && mailboxes.contains(*mailbox)) out.remove_mailboxes.insert(*mailbox);
  }
  // What the server has set, or what never changes, may be told back as it is.
  bool is_as_it_is(std::string_view name, const json::value& value) const {
    if (name == "id") return value == json::value(format_email_id(letter.id));
    if (name == "threadId") return value == json::value(format_thread_id(letter.thread));
    if (name == "blobId") return value == json::value(format_blob_id({BlobId::Kind::letter, letter.id, ""}));
    if (name == "size") return value == json::value(letter.entry().size);
    if (name == "receivedAt") return value == json::value(format_utc_date(letter.entry().internal_date));
    return false;
  }
  void read(std::string_view path, const json::value& value) {
    const size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    if (slash == std::string_view::npos) {
      if (name == kKeywords) return replace_keywords(value);
      if (name == kMailboxIds) return replace_mailboxes(value);
      if (!is_as_it_is(name, value)) wrong.add(name, "cannot be changed");
      return;
    }
    const std::string inner = unescaped(path.substr(slash + 1));
    if (name == kKeywords) return patch_keyword(inner, path, value);
    if (name == kMailboxIds) return patch_mailbox(inner, path, value);
    wrong.add(name, "cannot be changed");
  }
};

// No pointer may be within another (RFC 8620 section 5.3).
bool overlap(const json::object& patch, std::string_view name) {
  return patch.contains(name) && std::ranges::any_of(patch, [&](const auto& one) {
           return std::string_view(one.key()).starts_with(std::string(name) + "/");
         });
}

}  // namespace

std::optional<std::set<std::string>> read_keywords_object(const json::value& value) {
  std::set<std::string> out;
  if (!value.is_object()) return std::nullopt;
  for (const auto& one : value.get_object()) {
    const std::string keyword = to_lower(std::string_view(one.key()));
    if (one.value() != true || !flags_of({keyword})) return std::nullopt;
    out.insert(keyword);
  }
  return out;
}

std::optional<std::set<store::MailboxId>> read_mailboxes_object(const Call& call, const MailboxTree& tree,
                                                                const json::value& value) {
  std::set<store::MailboxId> out;
  if (!value.is_object()) return std::nullopt;
  for (const auto& one : value.get_object()) {
    const std::optional<std::string> id = created_id(call, one.key());
    const std::optional<store::MailboxId> mailbox = id ? parse_mailbox_id(*id) : std::nullopt;
    if (!mailbox || tree.find(*mailbox) == nullptr || one.value() != true) return std::nullopt;
    out.insert(*mailbox);
  }
  return out;
}

std::expected<EmailPatch, json::object> read_patch(const Call& call, const MailboxTree& tree,
                                                   const Letter& letter, const json::object& patch) {
  if (overlap(patch, kKeywords) || overlap(patch, kMailboxIds))
    return std::unexpected(set_error("invalidPatch"));
  PatchReader reader{call, tree, letter};
  for (const std::string& keyword : keywords_of(letter)) reader.keywords.insert(keyword);
  for (const store::Entry& copy : letter.copies) reader.mailboxes.insert(copy.mailbox);
  for (const auto& one : patch) reader.read(one.key(), one.value());
  const EmailPatch& out = reader.out;
  const bool none_left =
      out.add_mailboxes.empty() && std::ranges::includes(out.remove_mailboxes, reader.mailboxes);
  if (none_left) reader.wrong.add(kMailboxIds, "has to have one at least");
  if (reader.wrong.any()) return std::unexpected(reader.wrong.error());
  if (reader.keywords.size() + out.add_keywords.size() > kMaxEmailKeywords)
    return std::unexpected(set_error("tooManyKeywords"));
  return std::move(reader.out);
}

}  // namespace posthouse::access::jmap
