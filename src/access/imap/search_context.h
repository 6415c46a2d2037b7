// Searches and sorts of which the client is told how their results change (RFC 5267 section 4.3).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "store/types.h"
#include "wire/imap/command.h"

namespace posthouse::access::imap {

struct Session;
struct View;
class SortOrder;

// One that had UPDATE. Its results are those the client has been told of.
struct SearchContext {
  std::string tag;
  bool uid = false;
  std::string correlators;    // of an ESEARCH: what is told beside the tag (RFC 7377 section 2.1)
  wire::imap::SearchKey key;  // in UTF-8; message numbers stand as UIDs
  std::vector<wire::imap::FetchItem> fetch;  // to be told of new messages (RFC 5465 section 7)
  store::UidList found;                      // of a SEARCH
  // Of a SORT: keys as SortOrder has them, in order.
  struct Item {
    std::string key;
    store::Uid uid = 0;
  };
  std::vector<wire::imap::SortCriterion> criteria;
  std::vector<Item> sorted;

  bool is_sort() const { return !criteria.empty(); }
};

// Section 4.3: a tag that has a context can't be used for another.
bool has_context(const View& view, std::string_view tag);
bool reuses_tag(const Session& s, const wire::imap::Search& search);
// After the search, whose key is in UTF-8 now. Where there are too many already, or too many results, that is
// told (section 4.3.1).
void keep_context(Session& s, wire::imap::Search search, store::UidList found, std::string correlators);
void keep_context(Session& s, wire::imap::Search search, std::vector<wire::imap::SortCriterion> criteria,
                  const SortOrder& order);
// NOUPDATE: no context is kept for the tag.
void tell_no_update(Session& s, const std::string& tag);
// Tells REMOVEFROM for messages (rising) that are gone, while they still have their numbers.
void remove_from_contexts(Session& s, const std::vector<store::Uid>& gone);
// Tells what has become of the view's touched messages.
Task<void> update_contexts(Session& s);

}  // namespace posthouse::access::imap
