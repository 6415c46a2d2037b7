// The arguments of commands (RFC 3501 section 9).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/imap/limits.h"
#include "wire/imap/parse/parsers.h"

namespace posthouse::wire::imap {
namespace {

std::string fault(std::string_view line) {
  std::string tag;
  std::string error;
  Command command;
  return parse_command("t " + std::string(line) + "\r\n", false, tag, command, error) ? "" : error;
}

template <class C>
C parse(std::string_view line) {
  std::string tag;
  std::string error;
  Command command;
  EXPECT_TRUE(parse_command("t " + std::string(line) + "\r\n", false, tag, command, error))
      << line << ": " << error;
  const C* found = std::get_if<C>(&command);
  EXPECT_NE(found, nullptr) << line;
  return found ? *found : C{};
}

TEST(ImapParse, Login) {
  Login login = parse<Login>("LOGIN alice \"pass \\\"word\\\\\"");
  EXPECT_EQ(login.user, "alice");
  EXPECT_EQ(login.password.reveal(), "pass \"word\\");
  EXPECT_EQ(parse<Login>("LOGIN a]b c").user, "a]b");
  EXPECT_NE(fault("LOGIN alice"), "");
  EXPECT_NE(fault("LOGIN alice demo extra"), "");
  EXPECT_NE(fault("LOGIN \"a\\b\" c"), "");
  EXPECT_NE(fault("LOGIN \xc3\xa4 c"), "");
  // RFC 9051 section 9 (quoted); clients of RFC 3501 do it too.
  EXPECT_EQ(parse<Login>("LOGIN \"\xc3\xa4\" \"p\xc3\xb6\"").user, "\xc3\xa4");
}

TEST(ImapParse, Authenticate) {
  EXPECT_EQ(parse<Authenticate>("AUTHENTICATE plain").mechanism, "PLAIN");
  EXPECT_FALSE(parse<Authenticate>("AUTHENTICATE PLAIN").initial);
  EXPECT_EQ(parse<Authenticate>("AUTHENTICATE PLAIN AGFsaWNlAGRlbW8=").initial, "AGFsaWNlAGRlbW8=");
  EXPECT_EQ(parse<Authenticate>("AUTHENTICATE EXTERNAL =").initial, "=");
}

// RFC 9394 section 4.
TEST(ImapParse, Partial) {
  EXPECT_EQ(parse<Search>("SEARCH RETURN (PARTIAL 500:1) ALL").partial, (PartialRange{false, 500, 1}));
  EXPECT_EQ(parse<Search>("SEARCH RETURN (MIN PARTIAL -1:-100 SAVE) ALL").partial,
            (PartialRange{true, 1, 100}));
  EXPECT_EQ(parse<Fetch>("UID FETCH 1:* FLAGS (PARTIAL -1:-30 CHANGEDSINCE 5)").partial,
            (PartialRange{true, 1, 30}));
  for (const char* bad :
       {"SEARCH RETURN (PARTIAL) ALL", "SEARCH RETURN (PARTIAL 1) ALL", "SEARCH RETURN (PARTIAL 1:-2) ALL",
        "SEARCH RETURN (PARTIAL -1:2) ALL", "SEARCH RETURN (PARTIAL 0:2) ALL",
        "SEARCH RETURN (PARTIAL 1:*) ALL", "SEARCH RETURN (ALL PARTIAL 1:2) ALL",
        "FETCH 1:* FLAGS (PARTIAL 1:2)", "SEARCH RETURN (PARTIAL 1:4294967296) ALL"}) {
    EXPECT_NE(fault(bad), "") << bad;
  }
}

TEST(PartialRange, IsCutToWhatIsThere) {
  using R = NumberRange;
  EXPECT_EQ((PartialRange{false, 1, 3}.of(10)), (R{1, 3}));
  EXPECT_EQ((PartialRange{false, 9, 30}.of(10)), (R{9, 10}));
  EXPECT_EQ((PartialRange{false, 3, 1}.of(10)), (R{1, 3}));
  EXPECT_EQ((PartialRange{false, 11, 12}.of(10)), std::nullopt);
  EXPECT_EQ((PartialRange{false, 1, 1}.of(0)), std::nullopt);
  EXPECT_EQ((PartialRange{true, 1, 3}.of(10)), (R{8, 10}));
  EXPECT_EQ((PartialRange{true, UINT32_MAX, 9}.of(10)), (R{1, 2}));
  EXPECT_EQ((PartialRange{true, 11, 12}.of(10)), std::nullopt);
  const std::vector<R> ranges = {{1, 2}, {5, 5}, {10, UINT32_MAX}};
  EXPECT_EQ(slice(ranges, {2, 4}), (std::vector<R>{{2, 2}, {5, 5}, {10, 10}}));
  EXPECT_EQ(slice(ranges, {4, 4}), (std::vector<R>{{10, 10}}));
  EXPECT_EQ(intersect(ranges, {{2, 10}}), (std::vector<R>{{2, 2}, {5, 5}, {10, 10}}));
  EXPECT_EQ(intersect(ranges, {}), (std::vector<R>{}));
}

// RFC 3516 section 7, RFC 8970 section 6.
TEST(ImapParse, BinaryAndPreview) {
  const Fetch fetch =
      parse<Fetch>("FETCH 1 (BINARY[1.2]<3.4> BINARY.PEEK[] BINARY.SIZE[3] PREVIEW (LAZY) PREVIEW UID)");
  ASSERT_EQ(fetch.items.size(), 6u);
  EXPECT_EQ(fetch.items[0].type, FetchItem::binary);
  EXPECT_EQ(fetch.items[0].section.part, (std::vector<uint32_t>{1, 2}));
  EXPECT_EQ(fetch.items[0].partial->offset, 3u);
  EXPECT_FALSE(fetch.items[0].peek);
  EXPECT_TRUE(fetch.items[1].peek);
  EXPECT_EQ(fetch.items[2].type, FetchItem::binary_size);
  EXPECT_EQ(fetch.items[3].type, FetchItem::preview);
  for (const char* bad : {"FETCH 1 BINARY", "FETCH 1 BINARY[TEXT]", "FETCH 1 BINARY[1.]",
                          "FETCH 1 BINARY[1.MIME]", "FETCH 1 BINARY.SIZE[1]<0.1>", "FETCH 1 BINARY[0]",
                          "FETCH 1 (PREVIEW ())", "FETCH 1 (PREVIEW (NOW))"}) {
    EXPECT_NE(fault(bad), "") << bad;
  }
}

// RFC 5256 section 5, RFC 5957 section 5, RFC 5267 section 5.
TEST(ImapParse, SortAndThread) {
  const Sort sort = parse<Sort>("SORT (SUBJECT REVERSE DATE) UTF-8 SINCE 1-Feb-1994 UNSEEN");
  ASSERT_EQ(sort.criteria.size(), 2u);
  EXPECT_EQ(sort.criteria[0].key, SortCriterion::subject);
  EXPECT_FALSE(sort.criteria[0].reverse);
  EXPECT_EQ(sort.criteria[1].key, SortCriterion::date);
  EXPECT_TRUE(sort.criteria[1].reverse);
  EXPECT_EQ(sort.search.charset, "UTF-8");
  EXPECT_EQ(sort.search.key.children.size(), 2u);
  EXPECT_FALSE(sort.search.uid);
  EXPECT_FALSE(sort.search.results);
  const Sort uid =
      parse<Sort>("uid sort return (min count) (displayfrom reverse displayfrom cc) \"us-ascii\" all");
  EXPECT_TRUE(uid.search.uid);
  EXPECT_EQ(uid.search.results, Search::kMin | Search::kCount);
  EXPECT_EQ(uid.criteria.size(), 2u);  // what can't decide anything is dropped
  for (const char* bad :
       {"SORT", "SORT ()", "SORT () UTF-8 ALL", "SORT (SUBJECT)", "SORT (SUBJECT) UTF-8",
        "SORT (REVERSE) UTF-8 ALL", "SORT (REVERSE REVERSE DATE) UTF-8 ALL", "SORT SUBJECT UTF-8 ALL",
        "SORT (SUBJECT DATE UTF-8 ALL", "SORT RETURN (NONSENSE) (DATE) UTF-8 ALL",
        "SORT (DATE) RETURN (MIN) UTF-8 ALL", "SORT (MODSEQ) UTF-8 ALL"}) {
    EXPECT_NE(fault(bad), "") << bad;
  }
  EXPECT_EQ(parse<Thread>("THREAD REFERENCES UTF-8 ALL").algorithm, Thread::references);
  const Thread thread = parse<Thread>("UID THREAD orderedsubject us-ascii OR SEEN DRAFT");
  EXPECT_EQ(thread.algorithm, Thread::ordered_subject);
  EXPECT_TRUE(thread.search.uid);
  for (const char* bad : {"THREAD", "THREAD REFERENCES", "THREAD REFERENCES UTF-8", "THREAD REFS UTF-8 ALL",
                          "THREAD RETURN (ALL) REFERENCES UTF-8 ALL", "THREAD (REFERENCES) UTF-8 ALL"}) {
    EXPECT_NE(fault(bad), "") << bad;
  }
}

TEST(ImapParse, Mailboxes) {
  EXPECT_EQ(parse<Select>("SELECT \"Sent Items\"").mailbox, "Sent Items");
  EXPECT_EQ(parse<Examine>("EXAMINE inbox").mailbox, "inbox");
  EXPECT_EQ(parse<Rename>("RENAME a b").to, "b");
  EXPECT_EQ(parse<List>("LIST \"\" *").pattern, "*");
  EXPECT_EQ(parse<List>("LIST \"\" \"%\"").pattern, "%");
  EXPECT_EQ(parse<Lsub>("LSUB a/ %/b*").reference, "a/");
  EXPECT_NE(fault("LIST \"\" " + std::string(kMaxPattern + 1, '*')), "");
  EXPECT_NE(fault("SELECT"), "");
  EXPECT_NE(fault("SELECT a%b"), "");
}

TEST(ImapParse, Status) {
  Status status = parse<Status>("STATUS INBOX (MESSAGES UNSEEN messages SIZE)");
  EXPECT_THAT(status.items, testing::ElementsAre(StatusItem::messages, StatusItem::unseen, StatusItem::size));
  EXPECT_NE(fault("STATUS INBOX ()"), "");
  EXPECT_NE(fault("STATUS INBOX (NONSENSE)"), "");
}

TEST(ImapParse, FetchMacrosAndItems) {
  EXPECT_EQ(parse<Fetch>("FETCH 1 ALL").items.size(), 4u);
  EXPECT_EQ(parse<Fetch>("FETCH 1 FAST").items.size(), 3u);
  EXPECT_EQ(parse<Fetch>("FETCH 1 FULL").items.size(), 5u);
  EXPECT_EQ(parse<Fetch>("UID FETCH 1:* (UID FLAGS)").uid, true);
  EXPECT_NE(fault("FETCH 1 (ALL)"), "");
  EXPECT_NE(fault("FETCH 1 ()"), "");
  EXPECT_NE(fault("FETCH 0 FLAGS"), "");
  EXPECT_NE(fault("FETCH 1 NONSENSE"), "");
}

TEST(ImapParse, FetchSections) {
  FetchItem item = parse<Fetch>("FETCH 1 BODY[]").items[0];
  EXPECT_EQ(item.section.kind, Section::none);
  EXPECT_FALSE(item.peek);
  item = parse<Fetch>("FETCH 1 BODY.PEEK[1.2.MIME]").items[0];
  EXPECT_TRUE(item.peek);
  EXPECT_THAT(item.section.part, testing::ElementsAre(1, 2));
  EXPECT_EQ(item.section.kind, Section::mime);
  item = parse<Fetch>("FETCH 1 (body.peek[header.fields.not (\"From\" To)]<10.20>)").items[0];
  EXPECT_EQ(item.section.kind, Section::header_fields_not);
  EXPECT_THAT(item.section.fields, testing::ElementsAre("From", "To"));
  EXPECT_EQ(item.partial->offset, 10u);
  EXPECT_EQ(item.partial->length, 20u);
  item = parse<Fetch>("FETCH 1 BODY[4.1.2]").items[0];
  EXPECT_THAT(item.section.part, testing::ElementsAre(4, 1, 2));
  EXPECT_EQ(parse<Fetch>("FETCH 1 BODY").items[0].type, FetchItem::body_shape);
  for (const char* bad :
       {"BODY[MIME]", "BODY[0]", "BODY[1.]", "BODY[1..2]", "BODY[HEADER.FIELDS ()]", "BODY[HEADER]<0.0>",
        "BODY.PEEK", "BODY[TEXT", "BODY[1]<1>", "BODY[HEADER.FIELDS]"}) {
    EXPECT_NE(fault("FETCH 1 " + std::string(bad)), "") << bad;
  }
  std::string deep = "1";
  for (size_t i = 0; i < kMaxNesting; i++) deep += ".1";
  EXPECT_NE(fault("FETCH 1 BODY[" + deep + "]"), "");
}

TEST(ImapParse, Store) {
  Store store = parse<Store>("STORE 1:3 +FLAGS.SILENT (\\Seen $Forwarded \\deleted)");
  EXPECT_EQ(store.mode, StoreMode::add);
  EXPECT_TRUE(store.silent);
  EXPECT_EQ(store.flags.system, kSeen | kDeleted);
  EXPECT_THAT(store.flags.keywords, testing::ElementsAre("$Forwarded"));
  EXPECT_EQ(parse<Store>("UID STORE 1 FLAGS ()").mode, StoreMode::replace);
  EXPECT_EQ(parse<Store>("STORE 1 -FLAGS \\Seen \\Draft").flags.system, kSeen | kDraft);
  EXPECT_NE(fault("STORE 1 FLAGS (\\Recent)"), "");
  EXPECT_NE(fault("STORE 1 FLAGS (\\Nonsense)"), "");
  EXPECT_NE(fault("STORE 1 FLAGS"), "");
}

TEST(ImapParse, Search) {
  Search search = parse<Search>("SEARCH CHARSET UTF-8 OR (UNSEEN SINCE 1-Feb-1994) NOT FROM \"Smith\" 2,4:7");
  EXPECT_EQ(search.charset, "UTF-8");
  ASSERT_EQ(search.key.children.size(), 2u);
  const SearchKey& either = search.key.children[0];
  EXPECT_EQ(either.type, SearchKey::or_);
  EXPECT_EQ(either.children[0].type, SearchKey::and_);
  EXPECT_EQ(either.children[0].children[1].number, 8797);
  EXPECT_EQ(either.children[1].type, SearchKey::not_);
  EXPECT_EQ(either.children[1].children[0].text, "Smith");
  EXPECT_EQ(search.key.children[1].set.ranges.size(), 2u);
  EXPECT_EQ(parse<Search>("UID SEARCH UID 1:*").uid, true);
  EXPECT_EQ(parse<Search>("SEARCH HEADER X-Foo \"\"").key.children[0].name, "X-Foo");
  EXPECT_EQ(parse<Search>("SEARCH ON \"01-Jan-1970\"").key.children[0].number, 0);
  for (const char* bad : {"SEARCH", "SEARCH NONSENSE", "SEARCH OR SEEN", "SEARCH (SEEN",
                          "SEARCH SINCE 31-Feb-2026", "SEARCH LARGER x", "SEARCH ()", "SEARCH SEEN  SEEN"}) {
    EXPECT_NE(fault(bad), "") << bad;
  }
}

// RFC 4731 section 4, RFC 5182 section 3, RFC 5032 section 3
TEST(ImapParse, SearchResults) {
  EXPECT_FALSE(parse<Search>("SEARCH ALL").results.has_value());
  EXPECT_EQ(parse<Search>("SEARCH RETURN () ALL").results, Search::kAll);
  EXPECT_EQ(parse<Search>("SEARCH RETURN (min COUNT) CHARSET UTF-8 ALL").results,
            Search::kMin | Search::kCount);
  EXPECT_EQ(parse<Search>("UID SEARCH RETURN (SAVE) ALL").results, Search::kSave);
  EXPECT_TRUE(parse<Search>("SEARCH $").key.children[0].set.saved);
  EXPECT_TRUE(parse<Search>("SEARCH UID $").key.children[0].set.saved);
  EXPECT_TRUE(parse<Fetch>("FETCH $ UID").set.saved);
  EXPECT_TRUE(parse<Move>("UID MOVE $ Trash").set.saved);
  EXPECT_EQ(parse<Search>("SEARCH YOUNGER 60").key.children[0].number, 60);
  for (const char* bad :
       {"SEARCH RETURN ALL", "SEARCH RETURN (ALL)", "SEARCH RETURN (ALL ) ALL", "SEARCH RETURN (ODD) ALL",
        "SEARCH CHARSET UTF-8 RETURN () ALL", "SEARCH OLDER 0", "SEARCH OLDER", "SEARCH $,1", "FETCH 1,$ UID",
        "FETCH $:2 UID", "SELECT INBOX (QRESYNC (1 20 $))"}) {
    EXPECT_NE(fault(bad), "") << bad;
  }
}

TEST(ImapParse, SearchLimits) {
  EXPECT_NE(fault("SEARCH " + std::string(100'000, '(')), "");
  std::string nots;
  for (int i = 0; i < 10'000; i++) nots += "NOT ";
  EXPECT_NE(fault("SEARCH " + nots + "SEEN"), "");
  std::string many = "SEARCH SEEN";
  for (size_t i = 0; i < kMaxSearchKeys; i++) many += " SEEN";
  EXPECT_NE(fault(many), "");
}

// RFC 5464 section 5.
TEST(ImapParse, Metadata) {
  GetMetadata get = parse<GetMetadata>("GETMETADATA (DEPTH infinity MAXSIZE 10) INBOX (/Shared /private/x)");
  EXPECT_EQ(get.mailbox, "INBOX");
  EXPECT_EQ(get.depth, GetMetadata::infinity);
  EXPECT_EQ(get.max_size, 10u);
  EXPECT_EQ(get.entries, (std::vector<std::string>{"/shared", "/private/x"}));
  get = parse<GetMetadata>("GETMETADATA \"\" (DEPTH 1) \"/private/a b\"");
  EXPECT_EQ(get.mailbox, "");
  EXPECT_EQ(get.depth, GetMetadata::one);
  EXPECT_EQ(get.entries, std::vector<std::string>{"/private/a b"});
  const std::string nul(1, '\0');
  SetMetadata set = parse<SetMetadata>("SETMETADATA INBOX (/private/a ~{3}\r\na" + nul + "b /private/b NIL)");
  ASSERT_EQ(set.values.size(), 2u);
  EXPECT_EQ(set.values[0].second, std::string("a\0b", 3));
  EXPECT_FALSE(set.values[1].second.has_value());
  EXPECT_NE(fault("SETMETADATA INBOX (/private/a {3}\r\na" + nul + "b)"), "");
  for (const char* bad : {"/private", "/shared/vendor/x", "/shared/vendor", "/other/x", "private/x",
                          "/private/x/", "/private//x", "\"/private/x%\"", "\"/private/\xc3\xa4\""})
    EXPECT_NE(fault("SETMETADATA INBOX (" + std::string(bad) + " \"v\")"), "") << bad;
  EXPECT_EQ(fault("SETMETADATA INBOX (/shared/vendor/x/y \"v\")"), "");
  EXPECT_NE(fault("SETMETADATA INBOX (/private/" + std::string(kMaxEntryName, 'x') + " \"v\")"), "");
  std::string many = "GETMETADATA INBOX (/private/x";
  for (size_t i = 0; i < kMaxEntries; ++i) many += " /private/x";
  EXPECT_NE(fault(many + ")"), "");
  EXPECT_EQ(parse<List>("LIST \"\" * RETURN (METADATA (/Shared/comment) CHILDREN)").metadata,
            std::vector<std::string>{"/shared/comment"});
}

// RFC 5465 section 8, RFC 5267 section 5, RFC 5255 section 3.5.
TEST(ImapParse, Notifications) {
  Notify notify = parse<Notify>(
      "notify set status (selected (MessageNew (uid body.peek[header.fields (from)]) messageexpunge)) "
      "(mailboxes (a \"b c\") (MessageNew FlagChange MessageExpunge SomethingElse)) (subtree x NONE)");
  EXPECT_TRUE(notify.set && notify.status);
  ASSERT_EQ(notify.groups.size(), 3u);
  EXPECT_EQ(notify.groups[0].fetch.size(), 2u);
  EXPECT_EQ(notify.groups[0].events, Notify::kNew | Notify::kExpunge);
  EXPECT_EQ(notify.groups[1].mailboxes, (std::vector<std::string>{"a", "b c"}));
  EXPECT_TRUE(notify.groups[1].unknown_event);
  EXPECT_EQ(notify.groups[2].filter, NotifyGroup::subtree);
  EXPECT_EQ(notify.groups[2].events, 0);
  EXPECT_FALSE(parse<Notify>("NOTIFY NONE").set);
  for (const char* bad : {"NOTIFY", "NOTIFY SET", "NOTIFY SET ()", "NOTIFY SET (selected)", "NOTIFY NONE x",
                          "NOTIFY SET (mailboxes (MessageNew MessageExpunge))", "NOTIFY SET (personal ())"})
    EXPECT_NE(fault(bad), "") << bad;
  const Search search = parse<Search>("SEARCH RETURN (COUNT UPDATE (UID FLAGS) CONTEXT) ALL");
  EXPECT_EQ(search.results, Search::kCount | Search::kUpdate | Search::kContext);
  EXPECT_EQ(search.update.size(), 2u);
  EXPECT_EQ(parse<Search>("SEARCH RETURN (UPDATE) ALL").results, uint8_t{Search::kUpdate});
  EXPECT_EQ(parse<CancelUpdate>("CANCELUPDATE \"a\" \"b\"").tags, (std::vector<std::string>{"a", "b"}));
  EXPECT_NE(fault("CANCELUPDATE a"), "");
  EXPECT_EQ(parse<Language>("LANGUAGE DE \"en-GB\"").ranges, (std::vector<std::string>{"de", "en-gb"}));
}

// RFC 6203 section 7.
TEST(ImapParse, FuzzySearches) {
  const Search search = parse<Search>("SEARCH return (relevancy ALL) fuzzy (SUBJECT a FROM b) UNSEEN");
  EXPECT_EQ(search.results, Search::kRelevancy | Search::kAll);
  ASSERT_EQ(search.key.children.size(), 2u);
  EXPECT_EQ(search.key.children[0].type, SearchKey::fuzzy);
  EXPECT_EQ(search.key.children[0].children.at(0).children.size(), 2u);
  EXPECT_EQ(parse<Search>("SEARCH OR FUZZY TEXT a NOT FUZZY FUZZY BODY b").key.children.size(), 1u);
  EXPECT_EQ(parse<Search>("SEARCH RETURN (RELEVANCY) FUZZY ALL").results, uint16_t{Search::kRelevancy});
  const Sort sort = parse<Sort>("SORT (REVERSE RELEVANCY DATE) UTF-8 FUZZY TEXT a");
  EXPECT_EQ(sort.criteria.at(0).key, SortCriterion::relevancy);
  EXPECT_TRUE(sort.criteria.at(0).reverse);
  for (const char* bad : {"SEARCH FUZZY", "SEARCH FUZZY ()", "SEARCH FUZZYTEXT a", "SEARCH FUZZY TEXT"})
    EXPECT_NE(fault(bad), "") << bad;
  std::string deep = "SEARCH ";
  for (size_t i = 0; i <= kMaxNesting; i++) deep += "FUZZY ";
  EXPECT_NE(fault(deep + "ALL"), "");
}

// RFC 7377 section 4.
TEST(ImapParse, MultiSearches) {
  MultiSearch search = parse<MultiSearch>(
      "esearch in (mailboxes (a \"b c\") SUBTREE-ONE d subtree (e) selected personal inboxes subscribed ()) "
      "return (min PARTIAL 1:2) charset utf-8 1:3 FROM x");
  ASSERT_EQ(search.sources.size(), 7u);
  EXPECT_EQ(search.sources[0].filter, MailboxFilter::named);
  EXPECT_EQ(search.sources[0].mailboxes, (std::vector<std::string>{"a", "b c"}));
  EXPECT_EQ(search.sources[1].filter, MailboxFilter::subtree_one);
  EXPECT_EQ(search.sources[1].mailboxes, std::vector<std::string>{"d"});
  EXPECT_EQ(search.sources[2].filter, MailboxFilter::subtree);
  EXPECT_TRUE(search.sources[3].is_selected());
  EXPECT_EQ(search.sources[6].filter, MailboxFilter::subscribed);
  EXPECT_EQ(search.search.results, Search::kMin | Search::kPartial);
  EXPECT_EQ(search.search.charset, "utf-8");
  EXPECT_EQ(search.search.key.children.size(), 2u);
  EXPECT_TRUE(search.search.uid);
  search = parse<MultiSearch>("ESEARCH ALL");
  EXPECT_TRUE(search.sources.empty());
  EXPECT_EQ(search.search.results, Search::kAll);
  EXPECT_EQ(parse<MultiSearch>("ESEARCH RETURN (SAVE) ALL").search.results, Search::kSave);
  EXPECT_EQ(parse<MultiSearch>("ESEARCH IN (selected) RETURN (SAVE) ALL").search.results, Search::kSave);
  for (const char* bad :
       {"ESEARCH", "ESEARCH IN ALL", "ESEARCH IN (personal)", "ESEARCH IN (personal)ALL",
        "ESEARCH IN (personal x) ALL", "ESEARCH IN (personal (x)) ALL",
        "ESEARCH IN (personal () selected) ALL", "ESEARCH IN (()) ALL", "ESEARCH IN (selected-delayed) ALL",
        "ESEARCH IN (mailboxes ()) ALL", "ESEARCH IN (mailboxes (a b) ALL",
        "ESEARCH RETURN (ALL) IN (personal) ALL", "ESEARCH IN (personal) RETURN (SAVE) ALL",
        "UID ESEARCH ALL", "NOTIFY SET (subtree-one x NONE)"}) {
    EXPECT_NE(fault(bad), "") << bad;
  }
  std::string many = "ESEARCH IN (personal";
  for (size_t i = 0; i < kMaxSearchSources; i++) many += " personal";
  EXPECT_NE(fault(many + ") ALL"), "");
  many = "ESEARCH IN (mailboxes (x";
  for (size_t i = 0; i < kMaxFilterMailboxes; i++) many += " x";
  EXPECT_NE(fault(many + ")) ALL"), "");
}

TEST(ImapParse, Acl) {
  const SetAcl set = parse<SetAcl>("SETACL INBOX/Drafts \"John Doe\" +cda");
  EXPECT_EQ(set.mailbox, "INBOX/Drafts");
  EXPECT_EQ(set.identifier, "John Doe");
  EXPECT_EQ(set.rights, "+cda");
  EXPECT_EQ(parse<SetAcl>("setacl INBOX -bob \"\"").rights, "");
  EXPECT_EQ(parse<DeleteAcl>("DELETEACL INBOX -bob").identifier, "-bob");
  EXPECT_EQ(parse<GetAcl>("GETACL INBOX").mailbox, "INBOX");
  EXPECT_EQ(parse<ListRights>("LISTRIGHTS INBOX anyone").identifier, "anyone");
  EXPECT_EQ(parse<MyRights>("MYRIGHTS {5}\r\nINBOX").mailbox, "INBOX");
  EXPECT_TRUE(parse<List>("LIST \"\" * RETURN (MYRIGHTS CHILDREN)").my_rights);
  EXPECT_FALSE(parse<List>("LIST \"\" * RETURN (CHILDREN)").my_rights);
  for (const std::string& bad :
       {std::string("SETACL INBOX bob"), std::string("SETACL INBOX \"\" lr"), std::string("DELETEACL INBOX"),
        std::string("LISTRIGHTS INBOX \"\""), std::string("MYRIGHTS"), std::string("GETACL INBOX x"),
        "DELETEACL INBOX " + std::string(600, 'x'), "SETACL INBOX bob " + std::string(100, 'l')})
    EXPECT_NE(fault(bad), "") << bad;
}

TEST(ImapParse, Extensions) {
  EXPECT_TRUE(parse<Id>("ID NIL").fields.empty());
  EXPECT_EQ(parse<Id>("ID (\"name\" \"x\" \"version\" NIL)").fields.size(), 2u);
  EXPECT_THAT(parse<Enable>("ENABLE condstore X").capabilities, testing::ElementsAre("CONDSTORE", "X"));
  EXPECT_TRUE(parse<Expunge>("UID EXPUNGE 1:5").uids.has_value());
  EXPECT_FALSE(parse<Expunge>("EXPUNGE").uids.has_value());
  EXPECT_EQ(parse<Move>("UID MOVE 1 Trash").mailbox, "Trash");
  parse<Idle>("IDLE");
  parse<Namespace>("NAMESPACE");
  parse<Unselect>("UNSELECT");
}

}  // namespace
}  // namespace posthouse::wire::imap
