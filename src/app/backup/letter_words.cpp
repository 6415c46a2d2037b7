#include "app/backup/letter_words.h"

#include <algorithm>

#include <fmt/format.h>

#include "message/summary.h"

namespace posthouse::app::backup {
namespace {

constexpr size_t kSubjectTold = 60;  // octets

// One line, whatever a sender wrote.
std::string for_one_line(std::string_view text, size_t most) {
  std::string out(text.substr(0, most));
  std::ranges::replace_if(out, [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
  return out;
}

}  // namespace

std::string words_for(const store::Entry& letter) {
  const auto summary = message::decode(letter.summary);
  if (!summary) return {};
  const message::Envelope& envelope = summary->envelope;
  if (!envelope.message_id.empty())
    return fmt::format(" (Message-ID {})", for_one_line(envelope.message_id, 4 * kSubjectTold));
  if (envelope.subject.empty()) return {};
  return fmt::format(" (Subject: {})", for_one_line(envelope.subject, kSubjectTold));
}

}  // namespace posthouse::app::backup
