#include "message/search_text.h"

#include <algorithm>
#include <cstring>

#include "base/ascii.h"
#include "message/content_field.h"
#include "message/encoded_word.h"
#include "message/headers.h"
#include "message/limits.h"
#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

// Two-way search: linear whatever the key, unlike std::string::find.
size_t find_from(std::string_view text, std::string_view key) {
  const void* at = memmem(text.data(), text.size(), key.data(), key.size());
  return at == nullptr ? std::string_view::npos
                       : static_cast<size_t>(static_cast<const char*>(at) - text.data());
}

// Octets at the end that may be the beginning of a character.
size_t cut_character(std::string_view text) {
  for (size_t n = std::min<size_t>(3, text.size()); n > 0; n--) {
    const auto lead = static_cast<unsigned char>(text[text.size() - n]);
    const size_t wanted = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (wanted > n) return n;
  }
  return 0;
}

void collect_text_parts(const Part& part, std::vector<const Part*>& out) {
  if (is_text_part(part)) out.push_back(&part);
  for (const auto& child : part.children) collect_text_parts(child, out);
}

void collect_parts(const Part& above, std::vector<const Part*>& out) {
  for (const Part& part : above.children) {
    if (out.size() >= limits::kSearchedParts) return;
    out.push_back(&part);
    collect_parts(part, out);
  }
}

// The charset of a part, also where it is written in the form of RFC 2231 (charset*=us-ascii''utf-8).
std::string charset_of(const Part& part) {
  const auto plain = find_parameter(part.parameters, "charset");
  return plain.empty() ? parameter_text(part.parameters, "charset") : std::string(plain);
}

}  // namespace

void TextFolder::feed(std::string_view utf8, std::string& out) {
  std::string joined;
  if (!held_.empty()) {
    joined = held_.append(utf8);
    held_.clear();
    utf8 = joined;
  }
  const size_t cut = cut_character(utf8);
  out += casemap(utf8.substr(0, utf8.size() - cut));
  held_ = utf8.substr(utf8.size() - cut);
}

void TextFolder::finish(std::string& out) {
  out += casemap(held_);
  held_.clear();
}

TextSearch::TextSearch(const std::vector<std::string>& keys) {
  for (const auto& text : keys) {
    Key key;
    key.hopeless = text.size() > limits::kSearchKey;
    if (!key.hopeless) key.folded = casemap(text);
    key.found = !key.hopeless && key.folded.empty();
    longest_ = std::max(longest_, key.folded.size());
    if (!key.found) ++missing_;
    keys_.push_back(std::move(key));
  }
}

void TextSearch::feed(std::string_view utf8) {
  if (all_found()) return;
  folder_.feed(utf8, window_);
  search();
}

void TextSearch::end_text() {
  folder_.finish(window_);
  search();
  window_.clear();
}

void TextSearch::search() {
  for (auto& key : keys_) {
    if (key.found || key.hopeless || key.folded.size() > window_.size()) continue;
    if (find_from(window_, key.folded) == std::string_view::npos) continue;
    key.found = true;
    --missing_;
  }
  if (longest_ > 0 && window_.size() >= longest_) window_.erase(0, window_.size() - (longest_ - 1));
}

std::string field_form(std::string text) {
  std::ranges::replace(text, '\t', ' ');
  return text;
}

bool contains_text(std::string_view utf8, std::string_view key) {
  if (key.size() > limits::kSearchKey) return false;
  const std::string folded = field_form(casemap(key));
  if (folded.empty()) return true;
  return find_from(field_form(casemap(utf8)), folded) != std::string_view::npos;
}

PartTextDecoder::PartTextDecoder(const Part& part)
    : transfer_(transfer_encoding(part.encoding)), charset_(charset_of(part)) {}

void PartTextDecoder::feed(std::string_view raw, std::string& utf8) {
  if (!transfer_.changes()) return charset_.feed(raw, utf8);
  std::string bytes;
  transfer_.feed(raw, bytes);
  charset_.feed(bytes, utf8);
}

void PartTextDecoder::finish(std::string& utf8) {
  std::string bytes;
  transfer_.finish(bytes);
  if (!bytes.empty()) charset_.feed(bytes, utf8);
  charset_.finish(utf8);
}

bool is_text_part(const Part& part) {
  return iequals(part.type, "text");
}

std::vector<const Part*> text_parts(const Summary& summary) {
  std::vector<const Part*> out;
  collect_text_parts(summary.root, out);
  return out;
}

std::vector<const Part*> parts_with_headers(const Summary& summary) {
  std::vector<const Part*> out;
  collect_parts(summary.root, out);
  return out;
}

uint64_t searched_header(uint64_t begin, uint64_t end) {
  return end < begin ? 0 : std::min<uint64_t>(end - begin, limits::kSearchedHeader);
}

std::string address_text(const EnvelopeAddress& address) {
  std::string text = decode_words(address.name);
  if (address.has_mailbox && address.has_host) text += " <" + address.mailbox + "@" + address.host + ">";
  if (address.has_mailbox && !address.has_host)
    text += address.mailbox;  // a group's name, or a bare local part
  return text;
}

std::string header_text(std::string_view header_block) {
  std::string out;
  HeaderReader reader(header_block);
  HeaderField field;
  while (reader.next(field)) {
    out.append(field.name).append(": ").append(decode_words(field.value)).append("\n");
  }
  return field_form(std::move(out));
}

std::vector<std::string> field_texts(std::string_view header_block, std::string_view name) {
  std::vector<std::string> out;
  for (const auto& field : find_fields(header_block, name)) out.push_back(decode_words(field.value));
  return out;
}

}  // namespace posthouse::message
