// ESEARCH (RFC 7377): SEARCH in several mailboxes, one after another.
#include <algorithm>

#include "access/imap/commands.h"
#include "access/imap/filters.h"
#include "access/imap/message_limit.h"
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
  MultiSearcher(Session& s, Search& search, bool several, uint64_t messages)
      : s_(s),
        search_(search),
        several_(several),
        modseq_(asks_for_modseq(search.key)),
        progress_(s, "Searched", messages) {}

  // Of mailboxes that went meanwhile nothing is told.
  Task<Result<void>> in(Located mailbox) {
    if (s_.view && s_.view->is(mailbox.account, mailbox.info.id)) {
      const std::string correlators = correlators_of(s_, mailbox.info.name, s_.view->uid_validity);
      Result<void> done = co_await look(*s_.view, correlators);
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

  // RFC 9738: there is no room for more messages. Of several mailboxes no UID says how far the search came.
  bool was_cut() const { return lowest_ != 0; }
  bool full() const { return lowest_ != 0 || (several_ && limit() != 0 && looked_at_ == limit()); }
  Reply cut_off() {
    if (several_) return ok("ESEARCH done in some of the mailboxes", "LIMIT");
    return limited(s_, ok("ESEARCH done"), lowest_);
  }

  // Of the selected mailbox (section 2.2): what SAVE and UPDATE are for.
  void end() {
    if (wants(search_, Search::kSave)) s_.view->saved = saved_;
    if (!wants(search_, Search::kUpdate)) return;
    if (selected_.empty()) return tell_no_update(s_, s_.tag);
    keep_context(s_, std::move(search_), std::move(uids_), std::move(selected_));
  }

 private:
  uint32_t limit() const { return s_.options->message_limit; }

  Task<Result<void>> look(const View& view, const std::string& correlators) {
    SearchResult result(*search_.results, true, search_.partial);
    SearchBound bound;
    bound.most = limit() == 0 ? 0 : limit() - looked_at_;
    bound.refuses = several_;
    Result<void> done = co_await search(s_, view, search_, result, bound, progress_);
    progress_.next_part(view.uids.size());
    if (!done) co_return done;
    looked_at_ += static_cast<uint32_t>(bound.looked_at);
    lowest_ = bound.lowest;
    if (several_ && bound.lowest != 0) co_return Result<void>();
    // Section 2.1: nothing of mailboxes without such messages
    if (!result.uids().empty()) result.append_response(s_.out, s_.tag, modseq_, correlators);
    if (&view == s_.view.get()) {
      selected_ = correlators;
      saved_ = result.saved();
      uids_ = result.uids();
    }
    if (s_.wants_flush()) co_await s_.flush();
    co_return Result<void>();
  }

  Session& s_;
  Search& search_;
  bool several_;  // mailboxes
  bool modseq_;
  Progress progress_;
  uint32_t looked_at_ = 0;  // messages so far, where they are limited
  store::Uid lowest_ = 0;   // of the last mailbox, if there were more
  std::string selected_;    // correlators of the selected mailbox, if it is searched
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
  MultiSearcher searcher(s, c.search, sources.mailboxes.size() > 1, messages);
  std::optional<Fault> failed;
  bool cut_off = false;
  for (Located& mailbox : sources.mailboxes) {
    co_await LetOthers();
    cut_off = searcher.full();
    if (cut_off) break;
    // One that can't be read hides nothing of the others.
    Result<void> done = co_await searcher.in(std::move(mailbox));
    if (!done && done.error().kind != FaultKind::not_found && !failed) failed = done.error();
  }
  if (failed) co_return refuse(*failed);
  searcher.end();
  if (cut_off || searcher.was_cut()) co_return searcher.cut_off();
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
