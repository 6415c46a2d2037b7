// From the text of a whole command to its struct. One function a command or small group, each in its own
// file.
#pragma once

#include <string>
#include <string_view>

#include "wire/imap/command.h"
#include "wire/imap/cursor.h"

namespace posthouse::wire::imap {

// `text`: a whole command with its line end. False: `error` says why, `tag` is set if it could be read.
bool parse_command(std::string_view text, std::string& tag, Command& out, std::string& error);

// `text` ends with a literal header: the message's, or that of a mailbox name.
enum class AppendParse { message, mailbox_literal, failed };
AppendParse parse_append(std::string_view text, std::string& tag, Append& out, std::string& error);
// What stands behind a message: a further one (RFC 3502).
bool parse_next_message(std::string_view text, Append& out, std::string& error);

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
// search-return-opts after "RETURN ": "(" [option *(SP option)] ")"; none means ALL.
bool parse_search_return(Cursor& in, Search& out);
// search-key *(SP search-key), as an and_.
bool parse_search_keys(Cursor& in, SearchKey& out);
bool parse_sort(Cursor& in, bool uid, Command& out);
bool parse_thread(Cursor& in, bool uid, Command& out);
bool parse_fetch(Cursor& in, bool uid, Command& out);
// "(" fetch-att *(SP fetch-att) ")".
bool parse_fetch_items(Cursor& in, std::vector<FetchItem>& out);
bool parse_notify(Cursor& in, Command& out);
bool parse_cancel_update(Cursor& in, Command& out);
bool parse_language(Cursor& in, Command& out);
bool parse_store(Cursor& in, bool uid, Command& out);
bool parse_uid_expunge(Cursor& in, Command& out);

// flag-list: "(" [flag *(SP flag)] ")".
bool parse_flag_list(Cursor& in, Flags& out);
// One flag. False for an unknown \Flag and for \Recent.
bool parse_flag(Cursor& in, Flags& out);

}  // namespace posthouse::wire::imap
