#include <algorithm>
#include <array>

#include "access/imap/commands.h"

namespace posthouse::access::imap {

namespace {

using namespace wire::imap;

constexpr uint8_t kAny = kNotAuthenticated | kAuthenticated | kSelected;
constexpr uint8_t kIn = kAuthenticated | kSelected;

template <class C, Task<Reply> (*F)(Session&, C&)>
Task<Reply> call(Session& s, Command& command) {
  return F(s, std::get<C>(command));
}

template <class C, Task<Reply> (*F)(Session&, C&)>
constexpr CommandEntry entry(std::string_view name, uint8_t states, Tell tell) {
  return CommandEntry{name, states, tell, call<C, F>};
}

// In the order of wire::imap::Command's alternatives; the array's type and call<> keep the two together.
constexpr std::array<CommandEntry, std::variant_size_v<Command>> kTable = {
    entry<Capability, cmd_capability>("CAPABILITY", kAny, Tell::all),
    entry<Noop, cmd_noop>("NOOP", kAny, Tell::all_now),
    entry<Logout, cmd_logout>("LOGOUT", kAny, Tell::nothing),
    entry<Id, cmd_id>("ID", kAny, Tell::all),
    entry<StartTls, cmd_starttls>("STARTTLS", kNotAuthenticated, Tell::nothing),
    entry<Authenticate, cmd_authenticate>("AUTHENTICATE", kNotAuthenticated, Tell::nothing),
    entry<Login, cmd_login>("LOGIN", kNotAuthenticated, Tell::nothing),
    entry<Select, cmd_select>("SELECT", kIn, Tell::nothing),
    entry<Examine, cmd_examine>("EXAMINE", kIn, Tell::nothing),
    entry<Create, cmd_create>("CREATE", kIn, Tell::all),
    entry<Delete, cmd_delete>("DELETE", kIn, Tell::all),
    entry<Rename, cmd_rename>("RENAME", kIn, Tell::all),
    entry<Subscribe, cmd_subscribe>("SUBSCRIBE", kIn, Tell::all),
    entry<Unsubscribe, cmd_unsubscribe>("UNSUBSCRIBE", kIn, Tell::all),
    entry<List, cmd_list>("LIST", kIn, Tell::all),
    entry<Lsub, cmd_lsub>("LSUB", kIn, Tell::all),
    entry<Status, cmd_status>("STATUS", kIn, Tell::all),
    entry<Append, cmd_append>("APPEND", kIn, Tell::all),
    entry<Namespace, cmd_namespace>("NAMESPACE", kIn, Tell::all),
    entry<Enable, cmd_enable>("ENABLE", kAuthenticated, Tell::nothing),
    entry<Idle, cmd_idle>("IDLE", kIn, Tell::all),
    entry<Check, cmd_check>("CHECK", kSelected, Tell::all_now),
    entry<Close, cmd_close>("CLOSE", kSelected, Tell::nothing),
    entry<Unselect, cmd_unselect>("UNSELECT", kSelected, Tell::nothing),
    entry<Expunge, cmd_expunge>("EXPUNGE", kSelected, Tell::all),
    entry<Search, cmd_search>("SEARCH", kSelected, Tell::all_but_gone),
    entry<Sort, cmd_sort>("SORT", kSelected, Tell::all_but_gone),
    entry<Thread, cmd_thread>("THREAD", kSelected, Tell::all_but_gone),
    entry<Fetch, cmd_fetch>("FETCH", kSelected, Tell::all_but_gone),
    entry<Store, cmd_store>("STORE", kSelected, Tell::all_but_gone),
    entry<Copy, cmd_copy>("COPY", kSelected, Tell::all),
    entry<Move, cmd_move>("MOVE", kSelected, Tell::all),
    entry<Unauthenticate, cmd_unauthenticate>("UNAUTHENTICATE", kIn, Tell::nothing),
    entry<GetQuota, cmd_get_quota>("GETQUOTA", kIn, Tell::all),
    entry<GetQuotaRoot, cmd_get_quota_root>("GETQUOTAROOT", kIn, Tell::all),
    entry<Compress, cmd_compress>("COMPRESS", kIn, Tell::nothing),
    entry<Replace, cmd_replace>("REPLACE", kSelected, Tell::all),
    entry<GetMetadata, cmd_get_metadata>("GETMETADATA", kIn, Tell::all),
    entry<SetMetadata, cmd_set_metadata>("SETMETADATA", kIn, Tell::all),
    entry<wire::imap::Language, cmd_language>("LANGUAGE", kAny, Tell::all),
    entry<CancelUpdate, cmd_cancel_update>("CANCELUPDATE", kSelected, Tell::all),
    entry<Notify, cmd_notify>("NOTIFY", kIn, Tell::nothing),
    entry<SetAcl, cmd_set_acl>("SETACL", kIn, Tell::all),
    entry<DeleteAcl, cmd_delete_acl>("DELETEACL", kIn, Tell::all),
    entry<GetAcl, cmd_get_acl>("GETACL", kIn, Tell::all),
    entry<ListRights, cmd_list_rights>("LISTRIGHTS", kIn, Tell::all),
    entry<MyRights, cmd_my_rights>("MYRIGHTS", kIn, Tell::all),
    entry<MultiSearch, cmd_multi_search>("ESEARCH", kIn, Tell::all),
};

template <class C>
bool is_uid(const Command& command) {
  const C* found = std::get_if<C>(&command);
  return found && found->uid;
}

// That of SEARCH, ESEARCH, SORT or THREAD.
const Search* search_of(const Command& command) {
  if (const auto* sort = std::get_if<Sort>(&command)) return &sort->search;
  if (const auto* several = std::get_if<MultiSearch>(&command)) return &several->search;
  if (const auto* thread = std::get_if<Thread>(&command)) return &thread->search;
  return std::get_if<Search>(&command);
}

// RFC 7162 section 3.2.10.2: message numbers must stay what they were for the client.
bool names_numbers(const SearchKey& key) {
  return key.type == SearchKey::sequence ||
         std::any_of(key.children.begin(), key.children.end(), names_numbers);
}

template <class C>
bool matches_numbers(const Command& command) {
  const C* select = std::get_if<C>(&command);
  return select && select->parameters.resync && !select->parameters.resync->match_numbers.ranges.empty();
}

template <class... C>
bool is_without_uid(const Command& command) {
  return ((std::holds_alternative<C>(command) && !std::get<C>(command).uid) || ...);
}

// "$" is no number (RFC 5182).
bool has_numbers(const SearchKey& key) {
  return (key.type == SearchKey::sequence && !key.set.saved) ||
         std::any_of(key.children.begin(), key.children.end(), has_numbers);
}

}  // namespace

const CommandEntry& entry_of(const Command& command) {
  return kTable[command.index()];
}

Tell tell_after(const Command& command) {
  if (const Search* search = search_of(command)) {
    return search->uid && !names_numbers(search->key) ? Tell::all : Tell::all_but_gone;
  }
  if (is_uid<Fetch>(command) || is_uid<wire::imap::Store>(command)) return Tell::all;
  return entry_of(command).tell;
}

bool uses_numbers(const Command& command) {
  if (const Search* search = search_of(command)) return !search->uid || has_numbers(search->key);
  return is_without_uid<Fetch, wire::imap::Store, Copy, Move, Replace>(command) ||
         matches_numbers<Select>(command) || matches_numbers<Examine>(command);
}

}  // namespace posthouse::access::imap
