#include "message/search_text.h"

#include <cstring>

#include "base/ascii.h"
#include "message/content_field.h"
#include "message/encoded_word.h"
#include "message/headers.h"
#include "message/limits.h"
#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

constexpr size_t kMaxHeld = 4096;
constexpr size_t kCutCharacter = 3;  // octets of one whose last is missing

// Two-way search: linear whatever the key, unlike std::string::find.
size_t find_from(std::string_view text, std::string_view key) {
  const void* at = memmem(text.data(), text.size(), key.data(), key.size());
  return at == nullptr ? std::string_view::npos
                       : static_cast<size_t>(static_cast<const char*>(at) - text.data());
}

// Where the text can be cut so that both sides fold alone: before an ASCII character, which joins nothing in
// front of it. What follows the cut may still take marks.
size_t safe_cut(std::string_view text) {
  for (size_t i = text.size(); i-- > 0;) {
    if (!is_8bit(text[i])) return i;
  }
  return 0;
}

void collect_text_parts(const Part& part, std::vector<const Part*>& out) {
  if (is_text_part(part)) out.push_back(&part);
  for (const auto& child : part.children) collect_text_parts(child, out);
}

// The charset of a part, also where it is written in the form of RFC 2231 (charset*=us-ascii''utf-8).
std::string charset_of(const Part& part) {
  const auto plain = find_parameter(part.parameters, "charset");
  return plain.empty() ? parameter_text(part.parameters, "charset") : std::string(plain);
}

}  // namespace

// What is held has been looked at: an ASCII character can only be its first one.
void TextFolder::feed(std::string_view utf8, std::string& out) {
  const size_t known = held_.size(), fresh = safe_cut(utf8);
  held_.append(utf8);
  size_t cut = fresh > 0 || (known > 0 && !utf8.empty() && !is_8bit(utf8[0])) ? known + fresh : 0;
  if (held_.size() - cut > kMaxHeld) {
    const size_t boundary = last_fold_boundary(std::string_view(held_).substr(cut));
    cut = boundary > 0 ? cut + boundary : held_.size() - kCutCharacter;  // no characters at all
  }
  if (cut == 0) return;
  out += fold_case(std::string_view(held_).substr(0, cut));
  held_.erase(0, cut);
}

void TextFolder::finish(std::string& out) {
  out += fold_case(held_);
  held_.clear();
}

TextSearch::TextSearch(const std::vector<std::string>& keys) {
  for (const auto& text : keys) {
    Key key;
    key.hopeless = text.size() > limits::kSearchKey;
    if (!key.hopeless) key.folded = fold_case(text);
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

bool contains_text(std::string_view utf8, std::string_view key) {
  if (key.size() > limits::kSearchKey) return false;
  const std::string folded = fold_case(key);
  if (folded.empty()) return true;
  return find_from(fold_case(utf8), folded) != std::string_view::npos;
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

std::string header_text(std::string_view header_block) {
  std::string out;
  HeaderReader reader(header_block);
  HeaderField field;
  while (reader.next(field)) {
    out.append(field.name).append(": ").append(decode_words(field.value)).append("\n");
  }
  return out;
}

std::vector<std::string> field_texts(std::string_view header_block, std::string_view name) {
  std::vector<std::string> out;
  for (const auto& field : find_fields(header_block, name)) out.push_back(decode_words(field.value));
  return out;
}

}  // namespace posthouse::message
