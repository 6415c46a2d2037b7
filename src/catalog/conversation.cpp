#include "catalog/conversation.h"

#include <xxhash.h>

#include <algorithm>
#include <string>

#include "base/ascii.h"
#include "catalog/limits.h"
#include "message/record_view.h"
#include "message/unicode_text.h"

namespace posthouse::catalog {
namespace {

// What programs of other languages put before the subject of an answer or a forward; RFC 5256 knows re, fw
// and fwd.
constexpr std::string_view kPrefixes[] = {"AW",  "WG",  "ANTW", "SV", "VS",  "VB",  "VL",  "TR", "RV", "RIF",
                                          "RES", "ENC", "ODP",  "PD", "YNT", "ILT", "ATB", "RE", "FW", "FWD"};

// `subject` is folded: in capitals, as far as there are any.
std::string_view without_prefixes(std::string_view subject) {
  while (true) {
    const size_t colon = subject.find(':');
    if (colon == std::string_view::npos || colon > 8) return subject;
    std::string_view word = subject.substr(0, colon);
    while (word.ends_with(' ')) word.remove_suffix(1);
    if (std::ranges::find_if(kPrefixes, [&](std::string_view p) { return iequals(p, word); }) ==
        std::end(kPrefixes))
      return subject;
    subject.remove_prefix(std::min(subject.find_first_not_of(" \t", colon + 1), subject.size()));
  }
}

}  // namespace

std::vector<uint64_t> conversation_keys(std::string_view summary) {
  message::ThreadBase base = message::RecordView(summary).thread_base();
  const std::string folded = message::casemap(base.subject.text);
  const std::string_view subject = without_prefixes(folded);
  const uint64_t seed = XXH3_64bits(subject.data(), subject.size());
  std::vector<std::string> ids(std::make_move_iterator(base.references.rbegin()),
                               std::make_move_iterator(base.references.rend()));
  if (ids.size() >= kReferences) ids.resize(kReferences - 1);
  if (!base.message_id.empty()) ids.push_back(std::move(base.message_id));
  std::vector<uint64_t> keys;
  for (const std::string& id : ids) {
    const uint64_t key = XXH3_64bits_withSeed(id.data(), id.size(), seed);
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  }
  return keys;
}

}  // namespace posthouse::catalog
