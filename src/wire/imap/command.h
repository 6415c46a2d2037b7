// The commands of IMAP4rev1, IMAP4rev2 and the announced extensions, as values. One struct each; Command is
// any of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/secret.h"
#include "wire/imap/flags.h"
#include "wire/imap/partial.h"
#include "wire/imap/sequence_set.h"

namespace posthouse::wire::imap {

// Mailbox names stand here as they came; read_mailbox_name() gives the name itself.

// ---- any state (RFC 3501 section 6.1)
struct Capability {};
struct Noop {};
struct Logout {};
struct Id {  // RFC 2971
  std::vector<std::pair<std::string, std::optional<std::string>>> fields;
};

// ---- not authenticated (section 6.2)
struct StartTls {};
struct Authenticate {
  std::string mechanism;
  std::optional<std::string> initial;  // base64 as it came, "=" for an empty one (RFC 4959)
};
struct Login {
  std::string user;
  Secret password;
};

// ---- authenticated (section 6.3)
// QRESYNC (RFC 7162 section 3.2.5): what a client that comes back remembers.
struct Resync {
  uint32_t uid_validity = 0;
  uint64_t modseq = 0;
  std::optional<SequenceSet> uids;        // that it knows; without "*"
  SequenceSet match_numbers, match_uids;  // message numbers it had, and their UIDs; may be empty
};
struct SelectParameters {  // RFC 4466 section 2.1
  bool condstore = false;
  std::optional<Resync> resync;
};
struct Select {
  std::string mailbox;
  SelectParameters parameters;
};
struct Examine {
  std::string mailbox;
  SelectParameters parameters;
};
struct Create {
  std::string mailbox;
  std::vector<std::string> uses;  // \Drafts and so on, as they came (RFC 6154 section 3)
};
struct Delete {
  std::string mailbox;
};
struct Rename {
  std::string from, to;
};
struct Subscribe {
  std::string mailbox;
};
struct Unsubscribe {
  std::string mailbox;
};
struct Lsub {
  std::string reference, pattern;
};
enum class StatusItem : uint8_t {
  messages,
  recent,
  uid_next,
  uid_validity,
  unseen,
  size,
  append_limit,
  highest_modseq,
  deleted,
  deleted_storage,
  mailbox_id,
};
struct List {  // RFC 3501 section 6.3.8; extended: RFC 9051 section 6.3.9, RFC 5258
  std::string reference, pattern;
  bool extended = false;
  // All below only of the extended form; `pattern` is "" then.
  std::vector<std::string> patterns;
  struct Options {
    bool subscribed = false;
    bool special_use = false;  // RFC 6154
  };
  Options select;
  bool recursive = false;  // RECURSIVEMATCH
  Options tell;
  bool my_rights = false;             // RFC 8440
  std::vector<StatusItem> status;     // RFC 5819
  std::vector<std::string> metadata;  // RFC 9590: entries, in lower case
};
struct Status {
  std::string mailbox;
  std::vector<StatusItem> items;
};
// APPEND comes in parts, as its literals are no part of the command's text: messages (RFC 3502) that are one
// literal each, or are put together from literals and URLs (CATENATE, RFC 4469).
struct AppendPart {
  enum Kind : uint8_t {
    message,  // one begins
    url,      // octets that are on the server
    literal,  // octets that follow: CommandReader::take_body(); always the last part before them
    end,      // of a message
  };
  Kind kind = message;
  Flags flags;                  // of a message
  std::optional<int64_t> date;  // of a message; seconds since 1970
  bool catenate = false;        // of a message
  std::string text;             // of a URL
  uint64_t size = 0;            // of a literal
  bool synchronizing = true;    // the client waits for "+" before it sends the literal
  bool binary = false;          // a literal8: NUL may be in it (RFC 3516 section 4.4)
};
using AppendParts = std::vector<AppendPart>;
struct Append {
  std::string mailbox;
  AppendParts parts;  // as far as the first literal
};
struct Namespace {};  // RFC 2342
struct Enable {       // RFC 5161
  std::vector<std::string> capabilities;
};
struct Idle {};                     // RFC 2177
struct Language {                   // RFC 5255
  std::vector<std::string> ranges;  // in lower case; none: which are there?
};

struct Unauthenticate {};  // RFC 8437

struct Compress {  // RFC 4978
  std::string algorithm;
};
struct GetQuota {  // RFC 9208 section 4.1.1
  std::string root;
};
struct GetQuotaRoot {  // section 4.1.2
  std::string mailbox;
};
// RFC 5464. Entry names are in lower case; mailbox "" is the server.
struct GetMetadata {
  enum Depth : uint8_t { none, one, infinity };
  std::string mailbox;
  std::optional<uint32_t> max_size;
  Depth depth = none;
  std::vector<std::string> entries;
};
struct SetMetadata {
  std::string mailbox;
  std::vector<std::pair<std::string, std::optional<std::string>>> values;  // nothing: NIL
};

// ---- selected (section 6.4)
struct Check {};
struct Close {};
struct Unselect {};  // RFC 3691
struct Expunge {
  std::optional<SequenceSet> uids;  // UID EXPUNGE (RFC 4315)
};

struct SearchKey {
  enum Type : uint8_t {
    all,
    flag_set,    // number: bits of SystemFlag, all of them set
    flag_unset,  // number: bits, none of them set
    keyword,     // text
    unkeyword,   // text
    recent,
    old,
    is_new,  // RECENT UNSEEN
    before,  // number: day since 1970 (as int32)
    on,
    since,
    sent_before,
    sent_on,
    sent_since,
    larger,  // number
    smaller,
    older,  // number: seconds (RFC 5032)
    younger,
    from,  // text
    to,
    cc,
    bcc,
    subject,
    header,  // name, text
    body,
    text_,       // TEXT: header and body
    sequence,    // set
    uid,         // set
    uid_after,   // number: larger than that (RFC 9738 section 3.2)
    uid_before,  // number
    modseq,      // number: that or more (RFC 7162 section 3.1.5)
    email_id,    // text (RFC 8474 section 6)
    thread_id,
    saved_before,  // number: day (RFC 8514 section 4.3)
    saved_on,
    saved_since,
    save_date_supported,
    filter,  // text: its name (RFC 5466)
    fuzzy,   // children, one (RFC 6203)
    and_,    // children, all
    or_,     // children, two
    not_,    // children, one
  };
  Type type = all;
  int64_t number = 0;
  std::string name, text;
  SequenceSet set;
  std::vector<SearchKey> children;
};
// A section of BODY[...] (section 6.4.5).
struct Section {
  enum Text : uint8_t { none, header, header_fields, header_fields_not, text, mime };
  std::vector<uint32_t> part;
  Text kind = none;
  std::vector<std::string> fields;
};
struct FetchItem {
  enum Type : uint8_t {
    flags,
    uid,
    internal_date,
    rfc822_size,
    envelope,
    body_structure,  // BODYSTRUCTURE
    body_shape,      // BODY without a section
    body,            // BODY[...] and BODY.PEEK[...]
    rfc822,
    rfc822_header,
    rfc822_text,
    modseq,    // RFC 7162 section 3.1.4.2
    email_id,  // RFC 8474 section 5.3
    thread_id,
    save_date,    // RFC 8514 section 4.2
    preview,      // RFC 8970
    binary,       // BINARY[...] and BINARY.PEEK[...] (RFC 3516 section 4.2)
    binary_size,  // BINARY.SIZE[...]
  };
  Type type = flags;
  bool peek = false;
  Section section;
  struct Partial {  // 63 bits (RFC 9051 section 9)
    uint64_t offset = 0;
    uint64_t length = 0;
  };
  std::optional<Partial> partial;
};
struct Search {
  // What is to be told of the messages found (RFC 4731 section 3.1), or kept for "$" (RFC 5182), as bits.
  enum Return : uint16_t {
    kMin = 1,
    kMax = 2,
    kAll = 4,
    kCount = 8,
    kSave = 16,
    kPartial = 32,     // never beside kAll
    kUpdate = 64,      // RFC 5267 section 4.3
    kContext = 128,    // section 4.2: a hint
    kRelevancy = 256,  // RFC 6203 section 4
    kEverything = kMin | kMax | kAll | kCount | kPartial | kRelevancy
  };
  bool uid = false;
  std::optional<uint16_t> results;  // nothing: there was no RETURN
  PartialRange partial;             // of kPartial (RFC 9394)
  std::vector<FetchItem> update;    // of kUpdate: what to tell of new messages (RFC 5465 section 7)
  std::string charset;              // "" if none was given
  SearchKey key;                    // and_ of what stands at the top
};

struct CancelUpdate {  // RFC 5267 section 4.3.5
  std::vector<std::string> tags;
};

// Which mailboxes (RFC 5465 section 6, RFC 7377 section 2.2).
struct MailboxFilter {
  enum Filter : uint8_t {
    selected,
    selected_delayed,  // of NOTIFY alone
    inboxes,
    personal,
    subscribed,
    subtree,
    subtree_one,  // of ESEARCH alone
    named
  };
  Filter filter = personal;
  std::vector<std::string> mailboxes;  // of subtree, subtree_one and named
  bool is_selected() const { return filter == selected || filter == selected_delayed; }
};

// ESEARCH (RFC 7377).
struct MultiSearch {
  std::vector<MailboxFilter> sources;  // none: the selected mailbox
  Search search;                       // of UIDs; `results` are always there
};

// NOTIFY (RFC 5465).
struct NotifyGroup : MailboxFilter {
  uint8_t events = 0;            // bits of Notify::Event; 0: NONE
  std::vector<FetchItem> fetch;  // of kNew, for the selected mailbox
  bool unknown_event = false;
};
struct Notify {
  enum Event : uint8_t {
    kNew = 1,
    kExpunge = 2,
    kFlags = 4,
    kName = 8,
    kSubscription = 16,
    kMailboxMetadata = 32,
    kServerMetadata = 64,
    kMessages = kNew | kExpunge | kFlags
  };
  bool set = false;  // else NONE
  bool status = false;
  std::vector<NotifyGroup> groups;
};

// SORT (RFC 5256; DISPLAYFROM, DISPLAYTO: RFC 5957; RETURN: RFC 5267; RELEVANCY: RFC 6203).
struct SortCriterion {
  enum Key : uint8_t { arrival, cc, date, from, size, subject, to, display_from, display_to, relevancy };
  Key key = arrival;
  bool reverse = false;
};
struct Sort {
  Search search;                        // with a charset
  std::vector<SortCriterion> criteria;  // each key at most once: a second time it can't decide anything
};
struct Thread {  // RFC 5256
  enum Algorithm : uint8_t { ordered_subject, references };
  Search search;  // with a charset, without RETURN
  Algorithm algorithm = references;
};

struct Fetch {
  bool uid = false;
  SequenceSet set;
  std::vector<FetchItem> items;
  std::optional<uint64_t> changed_since;  // RFC 7162 section 3.1.4.1
  bool vanished = false;                  // section 3.2.6
  std::optional<PartialRange> partial;    // RFC 9394 section 3.3
};

enum class StoreMode : uint8_t { replace, add, remove };
struct Store {
  bool uid = false;
  SequenceSet set;
  std::optional<uint64_t> unchanged_since;  // RFC 7162 section 3.1.3
  StoreMode mode = StoreMode::replace;
  bool silent = false;
  Flags flags;
};
struct Copy {
  bool uid = false;
  SequenceSet set;
  std::string mailbox;
};
struct Move {  // RFC 6851
  bool uid = false;
  SequenceSet set;
  std::string mailbox;
};

struct Replace {  // RFC 8508
  bool uid = false;
  uint32_t number = 0;  // 0 stands for "*"
  Append message;       // one
};

// RFC 4314. Rights and identifiers are as they came.
struct SetAcl {
  std::string mailbox, identifier, rights;
};
struct DeleteAcl {
  std::string mailbox, identifier;
};
struct GetAcl {
  std::string mailbox;
};
struct ListRights {
  std::string mailbox, identifier;
};
struct MyRights {
  std::string mailbox;
};

using Command =
    std::variant<Capability, Noop, Logout, Id, StartTls, Authenticate, Login, Select, Examine, Create, Delete,
                 Rename, Subscribe, Unsubscribe, List, Lsub, Status, Append, Namespace, Enable, Idle, Check,
                 Close, Unselect, Expunge, Search, Sort, Thread, Fetch, Store, Copy, Move, Unauthenticate,
                 GetQuota, GetQuotaRoot, Compress, Replace, GetMetadata, SetMetadata, Language, CancelUpdate,
                 Notify, SetAcl, DeleteAcl, GetAcl, ListRights, MyRights, MultiSearch>;

}  // namespace posthouse::wire::imap
