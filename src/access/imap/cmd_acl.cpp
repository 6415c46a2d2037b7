// SETACL, DELETEACL, GETACL, LISTRIGHTS and MYRIGHTS (RFC 4314). Identifiers are accounts, by address, and
// "anyone": all accounts of the owner's domain. With "-" before it an identifier has negative rights. The
// owner has all rights always, and there are no groups.
#include "access/imap/commands.h"
#include "access/imap/sharing.h"
#include "base/log.h"
#include "wire/imap/encode.h"

namespace posthouse::access::imap {

namespace {

constexpr std::string_view kAnyoneName = "anyone";

constexpr Need kAdministers{store::kMayAdminister};
// RFC 4314 section 4
constexpr Need kAsksForRights{0, store::kMayLookUp | store::kMayRead | store::kMayInsert | store::kMayCreate |
                                     store::kMayDeleteMailbox | store::kMayAdminister};

struct Identifier {
  std::optional<Reply> refusal;
  bool negative = false;
  store::AccountId who = store::kAnyone;
};

// A name without a domain is one of the session's own.
Task<Identifier> read_identifier(Session& s, std::string text) {
  Identifier out;
  out.negative = text.starts_with('-');
  if (out.negative) text.erase(0, 1);
  if (text.empty()) {
    out.refusal = bad("Empty identifier");
    co_return out;
  }
  if (text == kAnyoneName) co_return out;
  if (text.find('@') == std::string::npos)
    text += s.address.substr(std::min(s.address.rfind('@'), s.address.size()));
  Result<People::Person> person = fail(FaultKind::not_found, "no such account");
  if (s.services.people != nullptr) person = co_await s.services.people->person_at(std::move(text));
  if (person) {
    out.who = person->account;
  } else if (person.error().kind == FaultKind::not_found) {
    out.refusal = no("There is no such account", "CANNOT");
  } else {
    out.refusal = refuse(person.error());
  }
  co_return out;
}

// Nothing if some letter is no right (section 3.1: also in capitals, and of servers' own).
struct Modification {
  store::RightsChange change = store::RightsChange::set;
  store::Rights rights = 0;
};
std::optional<Modification> read_modification(std::string_view text) {
  Modification out;
  if (text.starts_with('+')) out.change = store::RightsChange::add;
  if (text.starts_with('-')) out.change = store::RightsChange::remove;
  if (out.change != store::RightsChange::set) text.remove_prefix(1);
  const std::optional<store::Rights> rights = store::parse_rights(text);
  if (!rights) return std::nullopt;
  out.rights = *rights;
  return out;
}

// The mailbox of a command that is for who administers it.
Task<Reached> find(Session& s, std::string as_sent, Need need) {
  std::optional<std::string> name = co_await known_mailbox(s, std::move(as_sent));
  if (!name) {
    Reached none;
    none.refusal = no_such_mailbox("NONEXISTENT");
    co_return none;
  }
  Reached reached = co_await reach(s, std::move(*name), need);
  co_return reached;
}

Reply refuse_change(const Fault& fault) {
  if (fault.kind == FaultKind::over_quota) return no("There are too many entries", "LIMIT");
  return refuse(fault);
}

Task<Reply> change(Session& s, const Located& mailbox, std::string as_sent, Modification wanted,
                   std::string verb) {
  Identifier identifier = co_await read_identifier(s, as_sent);
  if (identifier.refusal) co_return std::move(*identifier.refusal);
  if (identifier.who == mailbox.account) {
    // What takes nothing away is true already.
    const bool keeps = !identifier.negative &&
                       (wanted.change == store::RightsChange::add ||
                        (wanted.change == store::RightsChange::set && wanted.rights == store::kAllRights));
    co_return keeps ? ok(verb + " done") : no("The owner keeps all rights", "CANNOT");
  }
  Result<void> done = co_await s.store().change_rights(mailbox.account, mailbox.info.id, identifier.who,
                                                       identifier.negative, wanted.change, wanted.rights);
  if (!done) co_return refuse_change(done.error());
  log::info("imap.rights_changed", {{"sid", s.id},
                                    {"user", s.address},
                                    {"owner", mailbox.account},
                                    {"mailbox", mailbox.info.name},
                                    {"identifier", as_sent},
                                    {"rights", store::rights_text(wanted.rights, false)}});
  co_return ok(verb + " done");
}

void append_pair(std::string& out, std::string_view name, store::Rights rights) {
  out += ' ';
  wire::imap::append_astring(out, name);
  out += ' ';
  wire::imap::append_astring(out, store::rights_text(rights, true));
}

// "" for an account that is being removed.
Task<std::string> name_of(Session& s, store::AccountId account) {
  if (account == store::kAnyone) co_return std::string(kAnyoneName);
  if (account == s.account) co_return s.address;
  if (s.services.people == nullptr) co_return std::string();
  const Result<People::Person> person = co_await s.services.people->person(account);
  co_return person ? person->address : std::string();
}

}  // namespace

void tell_rights(Session& s, std::string_view name, store::Rights rights) {
  s.out += "* MYRIGHTS ";
  append_mailbox(s, name);
  s.out += ' ';
  wire::imap::append_astring(s.out, store::rights_text(rights, true));
  s.out += "\r\n";
}

Task<Reply> cmd_set_acl(Session& s, wire::imap::SetAcl& c) {
  const std::optional<Modification> wanted = read_modification(c.rights);
  if (!wanted) co_return bad("Unknown right");
  Reached reached = co_await find(s, std::move(c.mailbox), kAdministers);
  if (reached.refusal) co_return std::move(*reached.refusal);
  Reply reply = co_await change(s, reached.mailbox, std::move(c.identifier), *wanted, "SETACL");
  co_return reply;
}

Task<Reply> cmd_delete_acl(Session& s, wire::imap::DeleteAcl& c) {
  Reached reached = co_await find(s, std::move(c.mailbox), kAdministers);
  if (reached.refusal) co_return std::move(*reached.refusal);
  Reply reply = co_await change(s, reached.mailbox, std::move(c.identifier), Modification(), "DELETEACL");
  co_return reply;
}

Task<Reply> cmd_get_acl(Session& s, wire::imap::GetAcl& c) {
  Reached reached = co_await find(s, std::move(c.mailbox), kAdministers);
  if (reached.refusal) co_return std::move(*reached.refusal);
  const Located& mailbox = reached.mailbox;
  const auto entries = co_await s.store().rights_entries(mailbox.account, mailbox.info.id);
  if (!entries) co_return refuse(entries.error());
  std::string out = "* ACL ";
  wire::imap::append_mailbox(out, mailbox.info.name, s.utf8());
  const std::string owner = co_await name_of(s, mailbox.account);
  if (!owner.empty()) append_pair(out, owner, store::kAllRights);
  for (const store::RightsEntry& entry : *entries) {
    const std::string name = co_await name_of(s, entry.who);
    if (name.empty()) continue;
    if (entry.granted != 0) append_pair(out, name, entry.granted);
    if (entry.denied != 0) append_pair(out, "-" + name, entry.denied);
  }
  s.out += out + "\r\n";
  co_return ok("GETACL done");
}

// All rights can be granted, each by itself; "c" and "d" stand alone as they are tied to no other (section
// 2.1.1).
Task<Reply> cmd_list_rights(Session& s, wire::imap::ListRights& c) {
  Reached reached = co_await find(s, std::move(c.mailbox), kAdministers);
  if (reached.refusal) co_return std::move(*reached.refusal);
  Identifier identifier = co_await read_identifier(s, c.identifier);
  if (identifier.refusal) co_return std::move(*identifier.refusal);
  s.out += "* LISTRIGHTS ";
  append_mailbox(s, reached.mailbox.info.name);
  s.out += ' ';
  wire::imap::append_astring(s.out, c.identifier);
  const std::string all = store::rights_text(store::kAllRights, true);
  if (identifier.who == reached.mailbox.account) {
    s.out += ' ' + (identifier.negative ? "\"\"" : all) + "\r\n";
    co_return ok("LISTRIGHTS done");
  }
  s.out += " \"\"";
  for (const char right : all) (s.out += ' ') += right;
  s.out += "\r\n";
  co_return ok("LISTRIGHTS done");
}

Task<Reply> cmd_my_rights(Session& s, wire::imap::MyRights& c) {
  Reached reached = co_await find(s, std::move(c.mailbox), kAsksForRights);
  if (reached.refusal) co_return std::move(*reached.refusal);
  tell_rights(s, reached.mailbox.info.name, reached.mailbox.rights);
  co_return ok("MYRIGHTS done");
}

}  // namespace posthouse::access::imap
