#include "app/backup/letter_list.h"

#include <fmt/format.h>

#include "app/backup/hashing.h"
#include "base/ascii.h"

namespace posthouse::app::backup {
namespace {

constexpr std::string_view kFirstLine = "posthouse letters 1\n";
constexpr std::string_view kNone = "-";
constexpr size_t kStampLength = 32;

std::string_view take_until(std::string_view& text, char end) {
  const size_t at = std::min(text.find(end), text.size());
  const std::string_view out = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return out;
}

bool is_stamp(std::string_view text) {
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == kStampLength && std::ranges::all_of(text, hex);
}

std::optional<ListedLetter> letter_of(std::string_view line) {
  ListedLetter out;
  const auto uid = parse_uint(take_until(line, ' '));
  const auto size = parse_uint(take_until(line, ' '));
  const std::string_view hash = take_until(line, ' ');
  if (!uid || *uid == 0 || *uid > UINT32_MAX || !size) return std::nullopt;
  if (hash != kNone && !is_sha256(hash)) return std::nullopt;
  if (line != kNone && !is_stamp(line)) return std::nullopt;
  out.uid = static_cast<store::Uid>(*uid);
  out.size = *size;
  if (hash != kNone) out.sha256 = std::string(hash);
  if (line != kNone) out.stamp = std::string(line);
  return out;
}

}  // namespace

std::string encode_letters(const std::vector<ListedLetter>& letters) {
  std::string out(kFirstLine);
  for (const ListedLetter& letter : letters) {
    fmt::format_to(std::back_inserter(out), "{} {} {} {}\n", letter.uid, letter.size,
                   letter.sha256.empty() ? kNone : std::string_view(letter.sha256),
                   letter.stamp.empty() ? kNone : std::string_view(letter.stamp));
  }
  return out;
}

Result<std::vector<ListedLetter>> decode_letters(std::string_view text, const std::string& name) {
  const auto bad = [&] { return fail(FaultKind::corrupt, name + ": not a list of letters"); };
  if (!text.starts_with(kFirstLine) || text.back() != '\n') return bad();
  text.remove_prefix(kFirstLine.size());
  std::vector<ListedLetter> out;
  while (!text.empty()) {
    auto letter = letter_of(take_until(text, '\n'));
    if (!letter || (!out.empty() && letter->uid <= out.back().uid)) return bad();
    out.push_back(std::move(*letter));
  }
  return out;
}

std::string stamp_for_list(std::string_view stamp) {
  return stamp.empty() ? std::string() : sha256(stamp).substr(0, kStampLength);
}

std::string list_path(const ListPlace& place) {
  return fmt::format("{}/{}", place.account, place.mailbox);
}

std::optional<ListPlace> parse_list_path(std::string_view path) {
  const auto account = parse_uint(take_until(path, '/'));
  const auto mailbox = parse_uint(path);
  if (!account || !mailbox || *mailbox > UINT32_MAX) return std::nullopt;
  return ListPlace{*account, static_cast<store::MailboxId>(*mailbox)};
}

}  // namespace posthouse::app::backup
