#include "app/backup/letter_list.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "app/backup/hashing.h"
#include "base/ascii.h"

namespace posthouse::app::backup {
namespace {

constexpr std::string_view kFirstLine = "posthouse letters 1\n";  // without packs
constexpr std::string_view kFirstLineWithPacks = "posthouse letters 2\n";
constexpr std::string_view kPackLine = "pack ";
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

using Packs = std::vector<std::shared_ptr<const Pack>>;

std::shared_ptr<const Pack> pack_of(std::string_view line) {
  line.remove_prefix(kPackLine.size());
  const std::string_view hash = take_until(line, ' ');
  const auto size = parse_uint(line);
  if (!is_sha256(hash) || !size) return nullptr;
  return std::make_shared<Pack>(std::string(hash), *size);
}

// Where in which pack: "NUMBER OFFSET", counted from 1.
bool place_in(std::string_view text, const Packs& packs, ListedLetter& letter) {
  const auto number = parse_uint(take_until(text, ' '));
  const auto offset = parse_uint(text);
  if (!number || *number == 0 || *number > packs.size() || !offset || letter.sha256.empty()) return false;
  letter.pack = packs[*number - 1];
  letter.offset = *offset;
  return letter.size <= letter.pack->size && letter.offset <= letter.pack->size - letter.size;
}

std::optional<ListedLetter> letter_of(std::string_view line, const Packs& packs) {
  ListedLetter out;
  const auto uid = parse_uint(take_until(line, ' '));
  const auto size = parse_uint(take_until(line, ' '));
  const std::string_view hash = take_until(line, ' ');
  if (!uid || *uid == 0 || *uid > UINT32_MAX || !size) return std::nullopt;
  if (hash != kNone && !is_sha256(hash)) return std::nullopt;
  const std::string_view stamp = take_until(line, ' ');
  if (stamp != kNone && !is_stamp(stamp)) return std::nullopt;
  out.uid = static_cast<store::Uid>(*uid);
  out.size = *size;
  if (hash != kNone) out.sha256 = std::string(hash);
  if (stamp != kNone) out.stamp = std::string(stamp);
  if (!line.empty() && !place_in(line, packs, out)) return std::nullopt;
  return out;
}

}  // namespace

std::string encode_letters(const std::vector<ListedLetter>& letters) {
  std::map<std::string_view, size_t> packs;  // by hash: their numbers
  std::string head, lines;
  for (const ListedLetter& letter : letters) {
    fmt::format_to(std::back_inserter(lines), "{} {} {} {}", letter.uid, letter.size,
                   letter.sha256.empty() ? kNone : std::string_view(letter.sha256),
                   letter.stamp.empty() ? kNone : std::string_view(letter.stamp));
    if (letter.pack) {
      const auto [pack, fresh] = packs.emplace(letter.pack->sha256, packs.size() + 1);
      if (fresh)
        fmt::format_to(std::back_inserter(head), "{}{} {}\n", kPackLine, pack->first, letter.pack->size);
      fmt::format_to(std::back_inserter(lines), " {} {}", pack->second, letter.offset);
    }
    lines += '\n';
  }
  return std::string(packs.empty() ? kFirstLine : kFirstLineWithPacks) + head + lines;
}

Result<std::vector<ListedLetter>> decode_letters(std::string_view text, const std::string& name) {
  const auto bad = [&] { return fail(FaultKind::corrupt, name + ": not a list of letters"); };
  const bool with_packs = text.starts_with(kFirstLineWithPacks);
  if ((!with_packs && !text.starts_with(kFirstLine)) || text.back() != '\n') return bad();
  text.remove_prefix(kFirstLine.size());
  Packs packs;
  while (with_packs && text.starts_with(kPackLine)) {
    packs.push_back(pack_of(take_until(text, '\n')));
    if (!packs.back()) return bad();
  }
  std::vector<ListedLetter> out;
  while (!text.empty()) {
    auto letter = letter_of(take_until(text, '\n'), packs);
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
