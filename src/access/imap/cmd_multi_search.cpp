// ESEARCH (RFC 7377): SEARCH in several mailboxes, one after another.
#include <algorithm>

#include "access/imap/commands.h"
#include "access/imap/filters.h"
#include "access/imap/search_result.h"
#include "access/imap/search_sources.h"
#include "access/imap/searcher.h"
#include "base/yield.h"
#include "wire/imap/encode.h"

namespace posthouse::access::imap {

namespace {

using wire::imap::Search;

bool wants(const Search& search, Search::Return what) {
  return (*search.results & what) != 0;
}

// Section 2.2: the states, and options that are of the selected mailbox.
std::optional<Reply> refuse_state(const Session& s, const wire::imap::MultiSearch& c) {
  const bool selected =
      c.sources.empty() || std::ranges::any_of(c.sources, &wire::imap::MailboxFilter::is_selected);
  if (s.view) {
    if (reuses_tag(s, c.search)) return bad("The tag belongs to a search that is kept up to date");
    return std::nullopt;
  }
  if (selected || wants(c.search, Search::kUpdate)) return bad("Select a mailbox first");
  return std::nullopt;
}

// Section 2.1: all correlators but the tag.
std::string correlators_of(const Session& s, const std::string& name, uint32_t uid_validity) {
  std::string out = " MAILBOX ";
  wire::imap::append_mailbox(out, name, s.utf8());
  out += " UIDVALIDITY " + std::to_string(uid_validity);
  return out;
}

// One ESEARCH at work.
class MultiSearcher {
 public:
  MultiSearcher(Session& s, Search& search, uint64_t messages)
      : s_(s), search_(search), modseq_(asks_for_modseq(search.key)), progress_(s, "Searched", messages) {}

  // Of mailboxes that went meanwhile nothing is told.
  Task<Result<void>> in(Located mailbox) {
    if (s_.view && s_.view->is(mailbox.account, mailbox.info.id)) {
      selected_ = correlators_of(s_, mailbox.info.name, s_.view->uid_validity);
      Result<void> done = co_await look(*s_.view, selected_);
      co_return done;
    }
    if (mailbox.account != s_.account) {
      // It may have been withdrawn since.
      const Result<store::Rights> rights =
          co_await s_.store().rights_of(mailbox.account, mailbox.info.id, s_.account, mailbox.as_anyone);
      if (!rights) co_return std::unexpected(rights.error());
      if ((*rights & store::kMayRead) == 0) co_return fail(FaultKind::not_found, "no right any more");
    }
    Result<store::MailStore::Opened> opened =
        co_await s_.store().open(mailbox.account, mailbox.info.id, false);
    if (!opened) co_return std::unexpected(opened.error());
    View view;
    view.examined = true;
    view.read_only = true;
    fill_view(view, mailbox, std::move(*opened));
    const std::string correlators = correlators_of(s_, mailbox.info.name, view.uid_validity);
    Result<void> done = co_await look(view, correlators);
    co_return done;
  }

  // Of the selected mailbox (section 2.2): what SAVE and UPDATE are for.
  void end() {
    if (wants(search_, Search::kSave)) s_.view->saved = saved_;
    if (!wants(search_, Search::kUpdate)) return;
    if (selected_.empty()) return tell_no_update(s_, s_.tag);
    keep_context(s_, std::move(search_), std::move(uids_), std::move(selected_));
  }

 private:
  Task<Result<void>> look(const View& view, const std::string& correlators) {
    SearchResult result(*search_.results, true, search_.partial);
    Result<void> done = co_await search(s_, view, search_, result, progress_);
    progress_.next_part(view.uids.size());
    if (!done) co_return done;
    // Section 2.1: nothing of mailboxes without such messages
    if (!result.uids().empty()) result.append_response(s_.out, s_.tag, modseq_, correlators);
    if (&view == s_.view.get()) {
      saved_ = result.saved();
      uids_ = result.uids();
    }
    if (s_.wants_flush()) co_await s_.flush();
    co_return Result<void>();
  }

  Session& s_;
  Search& search_;
  bool modseq_;
  Progress progress_;
  std::string selected_;  // correlators of the selected mailbox, if it is searched
  store::UidList saved_, uids_;
};

Task<Reply> search_all(Session& s, wire::imap::MultiSearch& c) {
  // RFC 6855 section 3
  if (s.utf8_accept && !s.rev2 && !c.search.charset.empty())
    co_return bad("No charset after ENABLE UTF8=ACCEPT");
  if (std::optional<Reply> refusal = refuse_charset(c.search)) co_return std::move(*refusal);
  std::optional<Reply> unfiltered = co_await put_in_filters(s, c.search);
  if (unfiltered) co_return std::move(*unfiltered);
  if (wants(c.search, Search::kRelevancy) && !asks_fuzzily(c.search.key)) co_return no_relevancy();
  if (s.view) co_await sync(s, Tell::all_but_gone);
  if (asks_for_modseq(c.search.key)) enable_condstore(s);
  SearchSources sources = co_await find_sources(s, c.sources);
  if (sources.refusal) co_return std::move(*sources.refusal);
  uint64_t messages = 0;
  for (const Located& mailbox : sources.mailboxes) messages += mailbox.info.exists;
  MultiSearcher searcher(s, c.search, messages);
  std::optional<Fault> failed;
  for (Located& mailbox : sources.mailboxes) {
    co_await LetOthers();
    // One that can't be read hides nothing of the others.
    Result<void> done = co_await searcher.in(std::move(mailbox));
    if (!done && done.error().kind != FaultKind::not_found && !failed) failed = done.error();
  }
  if (failed) co_return refuse(*failed);
  searcher.end();
  co_return ok("ESEARCH done");
}

}  // namespace

Task<Reply> cmd_multi_search(Session& s, wire::imap::MultiSearch& c) {
  const bool saves = wants(c.search, Search::kSave);
  std::optional<Reply> refusal = refuse_state(s, c);
  if (refusal) co_return std::move(*refusal);
  Reply reply = co_await search_all(s, c);
  // RFC 5182 section 2.1
  if (saves && reply.kind != Reply::ok) s.view->saved = {};
  co_return reply;
}

}  // namespace posthouse::access::imap
