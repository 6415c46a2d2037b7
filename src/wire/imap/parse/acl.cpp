// SETACL, DELETEACL and LISTRIGHTS (RFC 4314 section 7).
#include "wire/imap/limits.h"
#include "wire/imap/parse/parsers.h"

namespace posthouse::wire::imap {

namespace {

bool mailbox_and_identifier(Cursor& in, std::string& mailbox, std::string& identifier) {
  if (!in.space() || !in.astring(mailbox) || !in.space() || !in.astring(identifier)) return false;
  if (identifier.empty()) return in.fail("Empty identifier");
  if (identifier.size() > kMaxIdentifier) return in.fail("Identifier too long");
  return true;
}

}  // namespace

bool parse_set_acl(Cursor& in, Command& out) {
  SetAcl command;
  if (!mailbox_and_identifier(in, command.mailbox, command.identifier)) return false;
  if (!in.space() || !in.astring(command.rights)) return false;
  if (command.rights.size() > kMaxRightsText) return in.fail("Too many rights");
  out = std::move(command);
  return true;
}

bool parse_delete_acl(Cursor& in, Command& out) {
  DeleteAcl command;
  if (!mailbox_and_identifier(in, command.mailbox, command.identifier)) return false;
  out = std::move(command);
  return true;
}

bool parse_list_rights(Cursor& in, Command& out) {
  ListRights command;
  if (!mailbox_and_identifier(in, command.mailbox, command.identifier)) return false;
  out = std::move(command);
  return true;
}

}  // namespace posthouse::wire::imap
