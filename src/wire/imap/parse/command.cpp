// The tag, the command's name, and which function knows its arguments.
#include "base/ascii.h"
#include "wire/imap/parse/parsers.h"

namespace posthouse::wire::imap {

namespace {

using Parser = bool (*)(Cursor&, Command&);

template <class C>
bool bare(Cursor&, Command& out) {
  out = C{};
  return true;
}

template <class C>
bool one_mailbox(Cursor& in, Command& out) {
  C command;
  if (!in.space() || !in.astring(command.mailbox)) return false;
  out = std::move(command);
  return true;
}

template <class C, bool kUid>
bool set_and_mailbox(Cursor& in, Command& out) {
  C command;
  command.uid = kUid;
  if (!in.space() || !in.set_or_saved(command.set) || !in.space() || !in.astring(command.mailbox))
    return false;
  out = std::move(command);
  return true;
}

template <bool (*F)(Cursor&, bool, Command&), bool kUid>
bool with_uid(Cursor& in, Command& out) {
  return F(in, kUid, out);
}

struct Entry {
  std::string_view name;
  Parser parse;
};

constexpr Entry kCommands[] = {
    {"FETCH", with_uid<parse_fetch, false>},
    {"NOOP", bare<Noop>},
    {"STORE", with_uid<parse_store, false>},
    {"SEARCH", with_uid<parse_search, false>},
    {"SORT", with_uid<parse_sort, false>},
    {"THREAD", with_uid<parse_thread, false>},
    {"IDLE", bare<Idle>},
    {"SELECT", parse_select},
    {"EXAMINE", parse_examine},
    {"STATUS", parse_status},
    {"APPEND", parse_append_line},
    {"COPY", set_and_mailbox<Copy, false>},
    {"MOVE", set_and_mailbox<Move, false>},
    {"EXPUNGE", bare<Expunge>},
    {"CHECK", bare<Check>},
    {"CLOSE", bare<Close>},
    {"UNSELECT", bare<Unselect>},
    {"LIST", parse_list},
    {"LSUB", parse_lsub},
    {"CREATE", parse_create},
    {"DELETE", one_mailbox<Delete>},
    {"RENAME", parse_rename},
    {"SUBSCRIBE", one_mailbox<Subscribe>},
    {"UNSUBSCRIBE", one_mailbox<Unsubscribe>},
    {"NAMESPACE", bare<Namespace>},
    {"ENABLE", parse_enable},
    {"ID", parse_id},
    {"CAPABILITY", bare<Capability>},
    {"LOGIN", parse_login},
    {"AUTHENTICATE", parse_authenticate},
    {"STARTTLS", bare<StartTls>},
    {"LOGOUT", bare<Logout>},
    {"UNAUTHENTICATE", bare<Unauthenticate>},
    {"COMPRESS", parse_compress},
    {"GETQUOTA", parse_get_quota},
    {"GETQUOTAROOT", one_mailbox<GetQuotaRoot>},
    {"REPLACE", with_uid<parse_replace_line, false>},
    {"GETMETADATA", parse_get_metadata},
    {"SETMETADATA", parse_set_metadata},
    {"LANGUAGE", parse_language},
    {"CANCELUPDATE", parse_cancel_update},
    {"NOTIFY", parse_notify},
    {"SETACL", parse_set_acl},
    {"DELETEACL", parse_delete_acl},
    {"GETACL", one_mailbox<GetAcl>},
    {"LISTRIGHTS", parse_list_rights},
    {"MYRIGHTS", one_mailbox<MyRights>},
    {"ESEARCH", parse_multi_search},
};

constexpr Entry kUidCommands[] = {
    {"FETCH", with_uid<parse_fetch, true>},
    {"STORE", with_uid<parse_store, true>},
    {"SEARCH", with_uid<parse_search, true>},
    {"COPY", set_and_mailbox<Copy, true>},
    {"MOVE", set_and_mailbox<Move, true>},
    {"EXPUNGE", parse_uid_expunge},
    {"SORT", with_uid<parse_sort, true>},
    {"THREAD", with_uid<parse_thread, true>},
    {"REPLACE", with_uid<parse_replace_line, true>},
};

template <size_t N>
Parser find(const Entry (&table)[N], std::string_view name) {
  for (const Entry& entry : table) {
    if (iequals(entry.name, name)) return entry.parse;
  }
  return nullptr;
}

bool parse_named(Cursor& in, Command& out) {
  std::string_view name = in.word();
  Parser parse = nullptr;
  if (iequals(name, "UID")) {
    if (!in.space()) return false;
    parse = find(kUidCommands, in.word());
  } else {
    parse = find(kCommands, name);
  }
  if (!parse) return in.fail("Unknown command");
  return parse(in, out) && in.end();
}

}  // namespace

bool parse_command(std::string_view text, bool utf8, std::string& tag, Command& out, std::string& error) {
  Cursor in(text, utf8);
  if (in.tag(tag) && in.space() && parse_named(in, out)) return true;
  error = in.error();
  return false;
}

}  // namespace posthouse::wire::imap
