// What is made of the letters and can be made anew. The search index is kept up to date while the server
// runs; without it all works, but slower. The catalog follows when it is asked.
#include "app/limits.h"
#include "app/server/server_impl.h"
#include "base/id.h"
#include "base/log.h"
#include "base/metrics.h"

namespace posthouse::app {

namespace {

// Else it is a matter of the account.
bool stops_all(const Fault& fault) {
  return fault.kind == FaultKind::no_space || fault.kind == FaultKind::closed || fault.kind == FaultKind::io;
}

}  // namespace

void Server::Impl::open_search_index() {
  auto index = core_->search_index();
  if (!index) {
    if (index.error().kind != FaultKind::policy)
      log::error("search.not_opened", {{"reason", index.error().what}});
    return;
  }
  search_index_ = *index;
  search::Indexer::Options options;
  options.rate = config_.search.rate;
  options.largest_letter = config_.search.largest_letter;
  options.extractor = options_.extractor.get();
  options.stopping = [this] { return stopping_; };
  options.sleep = [this](milliseconds time) { return index_pause(time); };
  indexer_ = std::make_unique<search::Indexer>(*search_index_, core_->store, std::move(options));
  core_->indexer = indexer_.get();
}

// Nobody asks for it where there is no JMAP.
void Server::Impl::open_catalog() {
  if (config_.listen.http.empty() && config_.listen.https.empty()) return;
  auto opened = core_->catalog();
  if (!opened) {
    log::error("catalog.not_opened", {{"reason", opened.error().what}});
    return;
  }
  catalog_ = &(*opened)->catalog();
  uploads_ = std::make_unique<uploads::Uploads>((*opened)->engine(), core_->ids, core_->clock);
  sheets_ = std::make_unique<catalog::Sheets>(*catalog_, core_->store, config_.store.memory / kSheetsPart);
}

Task<void> Server::Impl::tidy_uploads(bool at_start) {
  if (uploads_ == nullptr) co_return;
  const Result<void> done = co_await uploads_->tidy(at_start);
  if (!done && !stopping_) log::warn("uploads.not_tidied", {{"reason", done.error().what}});
}

Task<void> Server::Impl::keep_uploads_tidy() {
  while (uploads_ != nullptr) {
    const bool on = co_await index_pause(kTidyUploads);
    if (!on) co_return;
    co_await tidy_uploads(false);
  }
}

Task<bool> Server::Impl::index_pause(milliseconds time) {
  if (stopping_) co_return false;
  auto slept = co_await lanes_[0]->loop.sleep(time);
  co_return slept && !stopping_;
}

// One look at all accounts.
Task<Result<void>> Server::Impl::update_search_index() {
  const auto accounts = co_await core_->directory.accounts("");
  if (!accounts) co_return std::unexpected(accounts.error());
  std::vector<store::AccountId> ids;
  for (const directory::Account& account : *accounts) ids.push_back(account.id);
  search_round_ = std::max(kSearchRound, kSearchAccount * static_cast<int64_t>(ids.size()));
  Result<void> done = co_await indexer_->tidy(ids);
  search::Totals totals;
  for (size_t i = 0; done && i < ids.size() && !stopping_; i++) {
    const Result<void> looked = co_await indexer_->look_at(ids[i]);
    if (!looked && stops_all(looked.error())) done = looked;
    if (!looked && !stops_all(looked.error()))
      log::warn("search.account_not_indexed",
                {{"account", format_id(ids[i])}, {"reason", looked.error().what}});
    const auto of_account = co_await search_index_->totals(ids[i]);
    if (of_account) totals.add(*of_account);
  }
  static const metrics::Gauge letters("posthouse_search_letters", "Letters in the search index.");
  static const metrics::Gauge bytes("posthouse_search_index_bytes",
                                    "Octets of the search index, before they are packed.");
  static const metrics::Gauge text("posthouse_search_text_bytes", "Octets of text that are in it.");
  letters.set(static_cast<double>(totals.letters));
  bytes.set(static_cast<double>(totals.bytes));
  text.set(static_cast<double>(totals.text));
  co_return done;
}

Task<void> Server::Impl::keep_search_index() {
  if (indexer_ == nullptr) co_return;
  milliseconds pause = kSearchSoon;
  while (true) {
    const bool on = co_await index_pause(pause);
    if (!on) break;
    indexing_ = true;
    const Result<void> done = co_await update_search_index();
    indexing_ = false;
    const bool failed = !done && done.error().kind != FaultKind::closed;
    if (failed) log::warn("search.index_waits", {{"reason", done.error().what}});
    pause = failed ? kSearchAfterFault : search_round_;
  }
}

}  // namespace posthouse::app
