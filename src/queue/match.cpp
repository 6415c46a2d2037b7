#include "queue/match.h"

#include "base/ascii.h"

namespace posthouse::queue {

namespace {

bool contains(std::string_view text, std::string_view part) {
  return part.empty() || to_lower(text).find(to_lower(part)) != std::string::npos;
}

}  // namespace

bool matches(const Filter& filter, const Letter& letter, const Recipient& recipient) {
  if (filter.id && *filter.id != letter.id) return false;
  if (!contains(letter.reverse_path, filter.sender)) return false;
  if (!contains(recipient.address, filter.recipient)) return false;
  if (!filter.domain.empty() && !iequals(recipient.domain, filter.domain)) return false;
  return !filter.state || recipient.state == *filter.state;
}

bool matches(const Filter& filter, const Letter& letter) {
  return std::any_of(letter.recipients.begin(), letter.recipients.end(),
                     [&](const Recipient& r) { return matches(filter, letter, r); });
}

}  // namespace posthouse::queue
