#include "mirror/mbox_location.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"

namespace posthouse::mirror {

namespace {

std::string_view take_word(std::string_view& text) {
  const size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

bool less(const std::string& a, const std::string& b) {
  return std::ranges::lexicographical_compare(a, b, {}, ascii_lower, ascii_lower);
}

}  // namespace

std::string format_location(const MboxLocation& location) {
  std::string out = fmt::format("{} {} {}", location.uid, location.digest, location.flags.system);
  for (const std::string& name : location.flags.keywords) out += " " + name;
  return out;
}

std::optional<MboxLocation> parse_location(std::string_view text) {
  MboxLocation out;
  const std::optional<uint64_t> uid = parse_uint(take_word(text));
  out.digest = std::string(take_word(text));
  const std::optional<uint64_t> system = parse_uint(take_word(text));
  if (!uid || *uid > UINT32_MAX || !system || *system > UINT8_MAX || out.digest.empty()) return std::nullopt;
  out.uid = static_cast<store::Uid>(*uid);
  out.flags.system = static_cast<uint8_t>(*system);
  while (!text.empty()) out.flags.keywords.emplace_back(take_word(text));
  return out;
}

std::string hex_digest(const mbox::Digest& digest) {
  std::string out;
  for (const uint64_t half : digest) out += fmt::format("{:016x}", half);
  return out;
}

std::optional<mbox::Digest> parse_digest(std::string_view hex) {
  constexpr size_t kHalf = 16;
  mbox::Digest out;
  if (hex.size() != kHalf * out.size()) return std::nullopt;
  for (uint64_t& half : out) {
    const auto [end, error] = std::from_chars(hex.data(), hex.data() + kHalf, half, 16);
    if (error != std::errc() || end != hex.data() + kHalf) return std::nullopt;
    hex.remove_prefix(kHalf);
  }
  return out;
}

std::string location_of(const mbox::Record& record, store::Uid uid, const store::FlagSet& flags) {
  return format_location({uid, hex_digest(record.digest), flags});
}

store::FlagSet to_flags(const mbox::Metadata& metadata) {
  store::FlagSet out;
  const auto set = [&](bool on, store::Flag flag) {
    if (on) out.system = static_cast<uint8_t>(out.system | flag);
  };
  set(metadata.flags.seen, store::kSeen);
  set(metadata.flags.answered, store::kAnswered);
  set(metadata.flags.flagged, store::kFlagged);
  set(metadata.flags.deleted, store::kDeleted);
  set(metadata.flags.draft, store::kDraft);
  out.keywords = metadata.keywords;
  std::ranges::sort(out.keywords, less);
  return out;
}

mbox::Metadata to_metadata(const store::FlagSet& flags, store::Uid uid, const mbox::Metadata& before) {
  mbox::Metadata out;
  out.flags.old = before.flags.old;
  out.flags.seen = (flags.system & store::kSeen) != 0;
  out.flags.answered = (flags.system & store::kAnswered) != 0;
  out.flags.flagged = (flags.system & store::kFlagged) != 0;
  out.flags.deleted = (flags.system & store::kDeleted) != 0;
  out.flags.draft = (flags.system & store::kDraft) != 0;
  for (const std::string& name : flags.keywords) {
    if (mbox::is_keyword(name)) out.keywords.push_back(name);
  }
  out.uid = uid;
  return out;
}

std::string sender_of(std::string_view letter) {
  constexpr std::string_view kField = "Return-Path: <";
  std::string sender;
  if (letter.starts_with(kField)) {
    letter.remove_prefix(kField.size());
    sender = std::string(letter.substr(0, std::min(letter.find_first_of(">\r\n"), letter.size())));
  }
  const auto bad = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; };
  std::erase_if(sender, bad);
  return sender.empty() ? "MAILER-DAEMON" : sender;
}

}  // namespace posthouse::mirror
