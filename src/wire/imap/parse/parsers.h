// From the text of a whole command to its struct. One function a command or small group, each in its own
// file.
#pragma once

#include <string>
#include <string_view>

#include "wire/imap/append_open.h"
#include "wire/imap/command.h"
#include "wire/imap/cursor.h"

namespace posthouse::wire::imap {

// `text`: a whole command with its line end. False: `error` says why, `tag` is set if it could be read.
// `utf8`: see Cursor.
bool parse_command(std::string_view text, bool utf8, std::string& tag, Command& out, std::string& error);

// APPEND or REPLACE up to a literal header at the end of `text`: octets of a message, or `inner`, a string of
// the command itself (a mailbox name, a URL).
enum class AppendParse { literal, inner, complete, failed };
AppendParse parse_append(std::string_view text, bool utf8, std::string& tag, Command& out, AppendOpen& open,
                         std::string& error);
// What stands behind a literal, to the next one or to the end of the command. `open`: of the literal before,
// then of the next.
AppendParse parse_append_tail(std::string_view text, bool utf8, AppendOpen& open, AppendParts& out,
                              std::string& error);
// Those without any literal: all parts are URLs.
bool parse_append_line(Cursor& in, Command& out);
bool parse_replace_line(Cursor& in, bool uid, Command& out);

// Each takes the arguments after the command's name, with the space before them and the line end behind.
bool parse_login(Cursor& in, Command& out);
bool parse_authenticate(Cursor& in, Command& out);
bool parse_id(Cursor& in, Command& out);
bool parse_enable(Cursor& in, Command& out);
bool parse_compress(Cursor& in, Command& out);
bool parse_select(Cursor& in, Command& out);
bool parse_examine(Cursor& in, Command& out);
bool parse_rename(Cursor& in, Command& out);
bool parse_create(Cursor& in, Command& out);
bool parse_list(Cursor& in, Command& out);
bool parse_lsub(Cursor& in, Command& out);
// status-att-list: "(" status-att *(SP status-att) ")".
bool parse_status_items(Cursor& in, std::vector<StatusItem>& out);
bool parse_status(Cursor& in, Command& out);
bool parse_get_quota(Cursor& in, Command& out);
bool parse_get_metadata(Cursor& in, Command& out);
bool parse_set_metadata(Cursor& in, Command& out);
// entries (RFC 5464): one name or "(" name *(SP name) ")", in lower case.
bool parse_entries(Cursor& in, std::vector<std::string>& out);
bool parse_search(Cursor& in, bool uid, Command& out);
// What a search has behind its options: ["CHARSET" SP charset SP] search-key *(SP search-key).
bool parse_search_program(Cursor& in, Search& out);
// search-return-opts after "RETURN ": "(" [option *(SP option)] ")"; none means ALL.
bool parse_search_return(Cursor& in, Search& out);
// search-key *(SP search-key), as an and_.
bool parse_search_keys(Cursor& in, SearchKey& out);
bool parse_multi_search(Cursor& in, Command& out);
bool parse_sort(Cursor& in, bool uid, Command& out);
bool parse_thread(Cursor& in, bool uid, Command& out);
bool parse_fetch(Cursor& in, bool uid, Command& out);
// "(" fetch-att *(SP fetch-att) ")".
bool parse_fetch_items(Cursor& in, std::vector<FetchItem>& out);
// filter-mailboxes (RFC 5465 section 8). `search`: as RFC 7377 section 4 changes it.
bool parse_mailbox_filter(Cursor& in, bool search, MailboxFilter& out);
bool parse_notify(Cursor& in, Command& out);
bool parse_cancel_update(Cursor& in, Command& out);
bool parse_set_acl(Cursor& in, Command& out);
bool parse_delete_acl(Cursor& in, Command& out);
bool parse_list_rights(Cursor& in, Command& out);
bool parse_language(Cursor& in, Command& out);
bool parse_store(Cursor& in, bool uid, Command& out);
bool parse_uid_expunge(Cursor& in, Command& out);

// section-spec: what stands between the brackets of BODY[...], the whole of `text`.
bool parse_section_spec(std::string_view text, Section& out);

// flag-list: "(" [flag *(SP flag)] ")".
bool parse_flag_list(Cursor& in, Flags& out);
// One flag. False for an unknown \Flag and for \Recent.
bool parse_flag(Cursor& in, Flags& out);

}  // namespace posthouse::wire::imap
