// The verbs of AdminService; each takes its arguments as a JSON object and gives a JSON value.
#pragma once

#include <boost/json.hpp>

#include "app/admin/service.h"

namespace posthouse::app::verbs {

using Answer = Result<boost::json::value>;

// Everything a verb works with.
struct Context {
  Core& core;
  transport::Transport* transport;
  AdminService::LockedOut locked_out;
  Progress progress;
};

using Arguments = boost::json::object;

// name, [catch_all], [quota_bytes], [quota_messages], [total_bytes], [total_messages]; null: none
Task<Answer> domain_add(Context context, Arguments arguments);
Task<Answer> domain_change(Context context, Arguments arguments);
Task<Answer> domain_list(Context context, Arguments arguments);
Task<Answer> domain_show(Context context, Arguments arguments);    // name
Task<Answer> domain_remove(Context context, Arguments arguments);  // name

// Counts anew what the domain's accounts keep together.
Task<Answer> domain_recount(Context context, Arguments arguments);  // name

// address, [password], [password_hash], [display_name], [admin], [quota_bytes], [quota_messages], [store],
// [created: milliseconds since 1970].
// Answers the password it made up, if it did.
Task<Answer> account_add(Context context, Arguments arguments);
Task<Answer> account_list(Context context, Arguments arguments);  // [domain]
Task<Answer> account_show(Context context, Arguments arguments);  // address
Task<Answer> account_change(Context context,
                            Arguments arguments);  // address, [enabled], [admin], [store] ...
Task<Answer> account_remove(Context context, Arguments arguments);    // address
Task<Answer> account_password(Context context, Arguments arguments);  // address, [password]

// address, name, [protocols], [expires: seconds from now]. Answers the password.
Task<Answer> account_app_password_add(Context context, Arguments arguments);
Task<Answer> account_app_password_list(Context context, Arguments arguments);    // address
Task<Answer> account_app_password_remove(Context context, Arguments arguments);  // address, name

Task<Answer> alias_add(Context context, Arguments arguments);     // address, targets
Task<Answer> alias_change(Context context, Arguments arguments);  // address, targets: instead of those it has
Task<Answer> alias_list(Context context, Arguments arguments);    // [domain]
Task<Answer> alias_show(Context context, Arguments arguments);    // address
Task<Answer> alias_remove(Context context, Arguments arguments);  // address

// These take a filter: [ids], [sender], [recipient], [domain], [state], [most]; the changing ones need at
// least one condition, or all = true.
Task<Answer> queue_list(Context context, Arguments arguments);
Task<Answer> queue_set_aside(Context context, Arguments arguments);  // [most]: records moved out of the way
Task<Answer> queue_show(Context context, Arguments arguments);       // id
Task<Answer> queue_retry(Context context, Arguments arguments);
Task<Answer> queue_hold(Context context, Arguments arguments);
Task<Answer> queue_release(Context context, Arguments arguments);
Task<Answer> queue_bounce(Context context, Arguments arguments);
Task<Answer> queue_delete(Context context, Arguments arguments);

Task<Answer> mailbox_list(Context context, Arguments arguments);  // address
// Expunged letters. address, [mailbox], [since: milliseconds since 1970], [uids], [most]
Task<Answer> mailbox_expunged(Context context, Arguments arguments);
Task<Answer> mailbox_undelete(Context context, Arguments arguments);  // the same, [dry_run]
Task<Answer> mailbox_purge(Context context, Arguments arguments);     // address, [older_than: seconds]
// Rights of others. address, mailbox, and of the second and third identifier; of the second rights.
Task<Answer> mailbox_acl_list(Context context, Arguments arguments);
Task<Answer> mailbox_acl_set(Context context, Arguments arguments);
Task<Answer> mailbox_acl_delete(Context context, Arguments arguments);
Task<Answer> backup_snapshot(Context context, Arguments arguments);  // name: engine::Engine::make_snapshot
// address, mailbox, [first]: [uid, delivery, blob, size, date] of letters from that UID on.
Task<Answer> restore_list(Context context, Arguments arguments);
Task<Answer> restore_checksum(Context context, Arguments arguments);  // address, mailbox, uid
// address, mailbox, [role], [subscribed]: makes it when it is not there; answers whether it did: made.
Task<Answer> restore_mailbox(Context context, Arguments arguments);
Task<Answer> restore_annotations(Context context, Arguments arguments);
// address, mailbox, entries: [account's id, its address, granted, denied] each. Of accounts that are still
// the same ones, where they have no entry.
Task<Answer> restore_rights(Context context, Arguments arguments);
// As account_add, and [password_hash], [app_passwords: the record in base64]: makes the account if it is not
// there. Answers whether it did (made); also when that was done before and the restore has not come to its
// end.
Task<Answer> restore_account(Context context, Arguments arguments);
Task<Answer> restore_end(Context context, Arguments arguments);  // address: all of it is there

// address, mailbox, [first], [flags]: [uid, size, checksum (engine::BlobChecksum) or null] of letters from
// that UID on; with `flags` also flags (bits of store::Flag) and keywords.
Task<Answer> import_present(Context context, Arguments arguments);
// address, mailbox, changes: [uid, flags, keywords] each, instead of those that the letter has. Answers how
// many letters there were: changed.
Task<Answer> import_flags(Context context, Arguments arguments);
// address, mailbox, [first]: [uid, delivery, size, date, flags, keywords] of letters from that UID on.
Task<Answer> export_list(Context context, Arguments arguments);
// address, mailbox, uids: [uid, bytes in base64] of the first of them, of a long letter its beginning; null
// and a reason for what can't be read.
Task<Answer> export_letters(Context context, Arguments arguments);
Task<Answer> export_piece(Context context, Arguments arguments);  // address, mailbox, uid, offset

Task<Answer> search_status(Context context, Arguments arguments);   // [address]
Task<Answer> search_rebuild(Context context, Arguments arguments);  // [address]: all without
Task<Answer> store_convert(Context context, Arguments arguments);   // address, to: a format
// Whether files lie where an account's letters would be.
Task<bool> holds_something(Context context, store::FilePlace place);
// Adds where the files of an account are that no longer has them.
void tell_files_left(const store::FilePlace& place, std::string_view first, boost::json::object& out);
Task<Answer> store_check(Context context, Arguments arguments);
// Only where no server runs. As store_check, with [repaired]: what it did, and [notes]: what is kept of
// damage; [lost]: whether any of it tells of a loss.
Task<Answer> store_repair(Context context, Arguments arguments);
Task<Answer> status(Context context, Arguments arguments);

// ---- reading arguments
Task<Result<directory::Account>> find_account(Context context, Arguments arguments);  // address
Result<std::string> required(const Arguments& arguments, std::string_view name);      // not empty
Result<std::string> address_of(const Arguments& arguments);           // "address" as the directory's key
std::string text(const Arguments& arguments, std::string_view name);  // "" when it is not there
bool flag(const Arguments& arguments, std::string_view name);
std::optional<uint64_t> number(const Arguments& arguments, std::string_view name);
boost::json::value number_or_null(const std::optional<uint64_t>& number);
std::vector<std::string> list(const Arguments& arguments, std::string_view name);

// "2026-11-23T21:14:13Z"
std::string iso_time(SystemTime time);

}  // namespace posthouse::app::verbs
