#include "app/core/damage_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/id.h"

namespace posthouse::app {

namespace {

constexpr std::string_view kAccount = "account ";
constexpr size_t kIdLength = 13;

std::string_view trimmed(std::string_view word) {
  while (!word.empty() && std::string_view(":;,.()").find(word.back()) != word.npos) word.remove_suffix(1);
  while (!word.empty() && word.front() == '(') word.remove_prefix(1);
  return word;
}

// Calls `take` with each word.
template <class Take>
void for_words(std::string_view line, const Take& take) {
  while (!line.empty()) {
    const size_t end = std::min(line.find(' '), line.size());
    if (end > 0) take(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
}

// An address, or the word behind "account"; "" if there is neither.
std::string account_of(std::string_view line) {
  std::string found, numbered;
  std::string_view before;
  for_words(line, [&](std::string_view word) {
    if (found.empty() && word.find('@') != word.npos) found = trimmed(word);
    if (numbered.empty() && before == "account") numbered = trimmed(word);
    before = word;
  });
  return found.empty() ? numbered : found;
}

// What it says, without what is another thing in each: the names before, and words with numbers, paths and
// addresses.
std::string kind_of(std::string_view line) {
  const size_t colon = line.rfind(": ");
  if (colon != line.npos) line.remove_prefix(colon + 2);
  std::string out;
  for_words(line, [&](std::string_view word) {
    const bool differs =
        std::ranges::any_of(word, [](char c) { return (c >= '0' && c <= '9') || c == '/' || c == '@'; });
    if (!differs) (out += word) += ' ';
  });
  return out;
}

const std::string* address_of(std::string_view id, const std::map<uint64_t, std::string>& addresses) {
  if (id.size() != kIdLength) return nullptr;
  const auto number = parse_id(id);
  const auto found = number ? addresses.find(*number) : addresses.end();
  return found == addresses.end() ? nullptr : &found->second;
}

}  // namespace

std::string with_addresses(const std::string& line, const std::map<uint64_t, std::string>& addresses) {
  std::string out;
  for (size_t at = 0; at < line.size();) {
    const size_t found = line.find(kAccount, at);
    const size_t id = found == line.npos ? line.size() : found + kAccount.size();
    out.append(line, at, id - at);
    at = id;
    const std::string* const address =
        at < line.size() ? address_of(std::string_view(line).substr(at, kIdLength), addresses) : nullptr;
    if (address == nullptr) continue;
    out += *address;
    at += kIdLength;
  }
  // "reference aACCOUNT.DELIVERY"
  constexpr std::string_view kReference = "reference a";
  const size_t reference = out.find(kReference);
  if (reference == out.npos) return out;
  const std::string* const owner =
      address_of(std::string_view(out).substr(reference + kReference.size()).substr(0, kIdLength), addresses);
  const size_t end = std::min(out.find(' ', reference + kReference.size()), out.size());
  if (owner != nullptr) out.insert(end, fmt::format(" of account {}", *owner));
  return out;
}

std::vector<std::string> shortened(const std::vector<std::string>& lines, size_t most) {
  std::map<std::pair<std::string, std::string>, std::pair<size_t, size_t>> kinds;  // how many, told
  std::vector<std::pair<size_t, size_t>*> of_line;
  for (const std::string& line : lines) {
    auto& kind = kinds[{account_of(line), kind_of(line)}];
    ++kind.first;
    of_line.push_back(&kind);
  }
  std::vector<std::string> out;
  for (size_t i = 0; i < lines.size(); ++i) {
    auto& [all, told] = *of_line[i];
    if (told++ < most) out.push_back(lines[i]);
    if (told != most || all <= most) continue;
    const std::string account = account_of(lines[i]);
    out.push_back(
        fmt::format("and {} more like that{}", all - most, account.empty() ? "" : " of " + account));
  }
  return out;
}

std::vector<std::string> counted_by_account(const std::vector<std::string>& lines) {
  std::map<std::string, size_t> counts;
  for (const std::string& line : lines) ++counts[account_of(line)];
  std::vector<std::string> out;
  for (const auto& [account, count] : counts)
    out.push_back(fmt::format("{}: {} lines", account.empty() ? "of no account" : account, count));
  return out;
}

}  // namespace posthouse::app
