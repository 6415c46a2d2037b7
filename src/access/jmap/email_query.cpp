// Email/query and Email/queryChanges (RFC 8621 sections 4.4 and 4.5).
#include <algorithm>

#include "access/jmap/email_order.h"
#include "access/jmap/limits.h"
#include "access/jmap/methods.h"
#include "access/jmap/standard.h"
#include "access/jmap/states.h"

namespace posthouse::access::jmap {
namespace {

struct EmailQuery {
  EmailFilter filter;
  EmailOrder order;
  bool collapse = false;
  // Whether a letter comes or goes with what others of its conversation do.
  bool by_thread() const { return collapse || filter.by_thread() || order.by_thread(); }
  bool immutable() const { return !collapse && filter.immutable() && order.immutable(); }
};

std::expected<EmailQuery, CallError> take_query(Arguments& arguments) {
  auto filter = EmailFilter::parse(arguments.object("filter"));
  if (!filter) return std::unexpected(std::move(filter.error()));
  const auto sort = take_sort(arguments);
  if (!sort) return std::unexpected(sort.error());
  auto order = EmailOrder::parse(*sort);
  if (!order) return std::unexpected(std::move(order.error()));
  return EmailQuery{std::move(*filter), std::move(*order), arguments.boolean("collapseThreads", false)};
}

// Takes letters in their order; of each conversation only the first, where that is wanted.
class Results {
 public:
  explicit Results(bool collapse) : collapse_(collapse) {}
  void add(const SheetLetter& letter) {
    if (collapse_ && letter.thread >= seen_.size()) seen_.resize(letter.thread + size_t{1});
    if (collapse_ && seen_[letter.thread]) return;
    if (collapse_) seen_[letter.thread] = true;
    letters_.push_back(letter);
  }
  size_t size() const { return letters_.size(); }
  std::vector<SheetLetter> take() { return std::move(letters_); }

 private:
  bool collapse_;
  std::vector<bool> seen_{};
  std::vector<SheetLetter> letters_{};
};

// All results, or where nobody wants more the first `enough`.
Task<Result<std::vector<SheetLetter>>> results_of(const Call& call, const EmailQuery& query,
                                                  SheetPointer sheet, size_t enough) {
  const store::AccountId account = call.caller.account;
  std::set<std::string> keywords = query.filter.keywords();
  keywords.merge(query.order.keywords());
  Result<KeywordSets> sets = co_await read_keywords(call.services, account, std::move(keywords));
  if (!sets) co_return std::unexpected(sets.error());
  EmailSearch search(call.services, account, sheet, query.filter, *sets);
  std::vector<SheetLetter> all = sheet->letters();
  Results results(query.collapse);
  if (!query.order.by_date()) {
    Result<std::vector<SheetLetter>> found = co_await search.matching(all);
    if (!found) co_return std::unexpected(found.error());
    Result<std::vector<SheetLetter>> sorted =
        co_await query.order.sort(call.services, account, sheet, *sets, std::move(*found));
    if (!sorted) co_return std::unexpected(sorted.error());
    for (const SheetLetter& letter : *sorted) results.add(letter);
    co_return results.take();
  }
  // In their order, so that as few are looked at as are wanted.
  if (query.order.newest_first()) std::ranges::reverse(all);
  for (size_t at = 0; at < all.size() && results.size() < enough; at += kQueryTogether) {
    const auto some =
        std::span<const SheetLetter>(all).subspan(at, std::min(kQueryTogether, all.size() - at));
    Result<std::vector<SheetLetter>> found = co_await search.matching(some);
    if (!found) co_return std::unexpected(found.error());
    for (const SheetLetter& letter : *found) results.add(letter);
  }
  co_return results.take();
}

// How many results tell all that is asked for.
size_t enough_for(const QueryWindow& window) {
  if (window.calculate_total || window.anchor || window.position < 0) return SIZE_MAX;
  const uint64_t most = std::min<uint64_t>(window.limit.value_or(kMaxQueried), kMaxQueried);
  return static_cast<size_t>(static_cast<uint64_t>(window.position) + most);
}

catalog::EmailId id_of(const catalog::Sheet& sheet, const SheetLetter& letter) {
  return sheet.rows(letter).front().email;
}

// Those that changed, with all that come or go with them.
struct Touched {
  std::set<catalog::EmailId> letters;
  catalog::Position now;
};

Task<Result<std::optional<Touched>>> touched_since(const Call& call, const EmailQuery& query,
                                                   SheetPointer sheet, catalog::Position since) {
  std::optional<Touched> out;
  const store::AccountId account = call.caller.account;
  Result<std::optional<catalog::Changes>> changes =
      co_await call.services.catalog.email_changes(account, since, kMaxQueryChanges);
  if (!changes) co_return std::unexpected(changes.error());
  if (!*changes || (*changes)->more || (*changes)->now != sheet->position()) co_return std::move(out);
  Result<std::optional<catalog::Changes>> threads =
      co_await call.services.catalog.thread_changes(account, since, kMaxQueryChanges);
  if (!threads) co_return std::unexpected(threads.error());
  if (!*threads || (*threads)->more) co_return std::move(out);
  Touched& touched = out.emplace();
  touched.now = (*changes)->now;
  for (const auto* some : {&(*changes)->created, &(*changes)->updated, &(*changes)->destroyed})
    touched.letters.insert(some->begin(), some->end());
  if (!query.by_thread()) co_return std::move(out);
  std::set<catalog::ThreadId> with((*threads)->created.begin(), (*threads)->created.end());
  with.insert((*threads)->updated.begin(), (*threads)->updated.end());
  for (const catalog::SheetRow& row : sheet->rows()) {
    if (touched.letters.contains(row.email)) with.insert(row.thread);
  }
  for (const catalog::ThreadId thread : with) {
    for (const catalog::SheetRow& row : sheet->thread(thread)) touched.letters.insert(row.email);
  }
  co_return std::move(out);
}

struct ChangesWanted {
  std::string since;
  std::optional<uint64_t> most;
  std::optional<std::string> up_to;
  bool calculate_total = false;
};

ChangesWanted take_changes_wanted(Arguments& arguments) {
  ChangesWanted out;
  out.since = arguments.required_string("sinceQueryState");
  out.most = arguments.unsigned_integer("maxChanges");
  out.up_to = arguments.string("upToId");
  out.calculate_total = arguments.boolean("calculateTotal", false);
  return out;
}

// All that were touched go out; those that are results now come in again.
Outcome changes_response_of(const Call& call, const EmailQuery& query, const ChangesWanted& wanted,
                            const catalog::Sheet& sheet, const std::vector<SheetLetter>& results,
                            const Touched& touched) {
  json::array removed, added;
  for (const catalog::EmailId id : touched.letters) removed.emplace_back(format_email_id(id));
  const std::optional<uint64_t> up_to =
      wanted.up_to && query.immutable() ? parse_email_id(*wanted.up_to) : std::nullopt;
  for (size_t at = 0; at < results.size(); ++at) {
    const catalog::EmailId id = id_of(sheet, results[at]);
    if (touched.letters.contains(id))
      added.push_back(json::object{{"id", format_email_id(id)}, {"index", at}});
    if (up_to == id) break;
  }
  if (wanted.most && removed.size() + added.size() > *wanted.most) return refusal("tooManyChanges");
  json::object out;
  out["accountId"] = account_id(call.caller.account);
  out["oldQueryState"] = wanted.since;
  out["newQueryState"] = format_state(touched.now);
  if (wanted.calculate_total) out["total"] = results.size();
  out["removed"] = std::move(removed);
  out["added"] = std::move(added);
  return out;
}

}  // namespace

Task<Outcome> email_query(Call& call) {
  Arguments arguments(call.arguments);
  if (auto wrong = wrong_account(arguments, call)) co_return std::unexpected(std::move(*wrong));
  const auto query = take_query(arguments);
  if (!query) co_return std::unexpected(query.error());
  const QueryWindow window = take_window(arguments);
  if (auto fault = arguments.fault()) co_return std::unexpected(std::move(*fault));
  Result<SheetPointer> sheet = co_await call.services.sheets.of(call.caller.account);
  if (!sheet) co_return std::unexpected(call_error(sheet.error()));
  Result<std::vector<SheetLetter>> found = co_await results_of(call, *query, *sheet, enough_for(window));
  if (!found) co_return std::unexpected(call_error(found.error()));
  const catalog::Sheet& of = **sheet;
  QueryResults results;
  results.size = found->size();
  results.index_of = [&](std::string_view text) -> std::optional<size_t> {
    const std::optional<uint64_t> id = parse_email_id(text);
    const auto at =
        std::ranges::find_if(*found, [&](const SheetLetter& letter) { return id_of(of, letter) == id; });
    if (at == found->end()) return std::nullopt;
    return static_cast<size_t>(at - found->begin());
  };
  results.id_at = [&](size_t at) { return format_email_id(id_of(of, (*found)[at])); };
  Outcome out = query_response(call, window, results, format_state(of.position()), true);
  if (out) (*out)["collapseThreads"] = query->collapse;
  co_return out;
}

Task<Outcome> email_query_changes(Call& call) {
  Arguments arguments(call.arguments);
  if (auto wrong = wrong_account(arguments, call)) co_return std::unexpected(std::move(*wrong));
  const auto query = take_query(arguments);
  if (!query) co_return std::unexpected(query.error());
  const ChangesWanted wanted = take_changes_wanted(arguments);
  if (auto fault = arguments.fault()) co_return std::unexpected(std::move(*fault));
  const std::optional<catalog::Position> since = parse_state(wanted.since);
  if (!since) co_return refusal("cannotCalculateChanges");
  Result<SheetPointer> sheet = co_await call.services.sheets.of(call.caller.account);
  if (!sheet) co_return std::unexpected(call_error(sheet.error()));
  Result<std::optional<Touched>> touched = co_await touched_since(call, *query, *sheet, *since);
  if (!touched) co_return std::unexpected(call_error(touched.error()));
  if (!*touched) co_return refusal("cannotCalculateChanges");
  Result<std::vector<SheetLetter>> found = co_await results_of(call, *query, *sheet, SIZE_MAX);
  if (!found) co_return std::unexpected(call_error(found.error()));
  co_return changes_response_of(call, *query, wanted, **sheet, *found, **touched);
}

}  // namespace posthouse::access::jmap
