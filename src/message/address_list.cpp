#include "message/address_list.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "message/lexical.h"
#include "message/limits.h"

namespace posthouse::message {
namespace {

// What ends an atom. Dots, and specials without a meaning here, are part of it: display names have them.
constexpr auto kEndsWord = [] {
  std::array<bool, 256> table{};
  for (char c : std::string_view(" \t\r\n\0\"(<>@,;:[", 14)) table[static_cast<unsigned char>(c)] = true;
  return table;
}();
constexpr auto kEndsPlainWord = [] {
  auto table = kEndsWord;
  table['\\'] = true;
  return table;
}();
bool ends_word(char c) {
  return kEndsWord[static_cast<unsigned char>(c)];
}

// obs-local-part (RFC 5322 section 4.4): "joe . smith" is joe.smith.
std::string without_blanks_at_dots(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool before_dot = i + 1 < text.size() && text[i + 1] == '.';
    if (text[i] == ' ' && (before_dot || out.ends_with('.'))) continue;
    out += text[i];
  }
  return out;
}

// Whether "@" is what comes next behind `at`.
bool at_sign_follows(std::string_view text, size_t at) {
  while (at < text.size() && is_blank(text[at])) ++at;
  return at < text.size() && text[at] == '@';
}

}  // namespace

// What is known of the entry being read.
struct AddressListReader::Draft {
  std::string phrase;   // words before "<" or "@", a blank between words
  std::string comment;  // of the last comment
  std::string route, local, domain;
  size_t local_end = 0;
  bool has_words = false, has_comment = false, has_quoted = false, has_at = false, has_angle = false,
       blank_before = false, has_junk = false;
};

void AddressListReader::skip_blanks(Draft& draft) {
  while (at_ < text_.size()) {
    if (is_blank(text_[at_])) {
      draft.blank_before = true;
      ++at_;
    } else if (text_[at_] == '(') {
      skip_comment(draft);
    } else {
      return;
    }
  }
}

// A comment (RFC 5322 section 3.2.2, nesting counted, not recursed). One that is never closed is no comment:
// its parenthesis is passed over (RFC 7103 section 7.1.4).
void AddressListReader::skip_comment(Draft& draft) {
  if (comments_broken_) {
    ++at_;
    return;
  }
  size_t depth = 0, i = at_;
  std::string comment;
  for (; i < text_.size(); ++i) {
    const char c = text_[i];
    if (c == '\\' && i + 1 < text_.size() && text_[i + 1] != '\r' && text_[i + 1] != '\n' &&
        text_[i + 1] != '\0') {
      comment += text_[++i];
      continue;
    }
    if (c == '(' && depth++ == 0) continue;
    if (c == ')' && --depth == 0) break;
    if (c != '\r' && c != '\n' && c != '\0') comment += c;
  }
  if (i >= text_.size()) {
    comments_broken_ = true;
    ++at_;
    return;
  }
  at_ = i + 1;
  draft.comment = trim(comment);
  draft.has_comment = true;
  draft.blank_before = true;
}

// The content of a quoted string is appended to `out`. One that is never closed is no quoted string: the
// quote is passed over (RFC 7103 section 7.1.6).
bool AddressListReader::take_quoted(std::string& out) {
  if (quotes_broken_) {
    ++at_;
    return false;
  }
  const size_t kept = out.size();
  for (size_t i = at_ + 1; i < text_.size(); ++i) {
    const char c = text_[i];
    if (c == '"') {
      at_ = i + 1;
      return true;
    }
    if (c == '\\' && i + 1 < text_.size() && text_[i + 1] != '\0' && text_[i + 1] != '\r' &&
        text_[i + 1] != '\n') {
      out += text_[++i];
    } else if (c != '\r' && c != '\n' && c != '\0') {
      out += c;
    }
  }
  out.resize(kept);
  quotes_broken_ = true;
  ++at_;
  return false;
}

void AddressListReader::take_word(std::string& out) {
  while (at_ < text_.size() && !ends_word(text_[at_])) {
    const std::string_view rest = text_.substr(at_);
    size_t n = 0;
    while (n < rest.size() && !kEndsPlainWord[static_cast<unsigned char>(rest[n])]) ++n;
    out.append(rest.substr(0, n));
    at_ += n;
    if (n == rest.size() || ends_word(rest[n])) return;
    // "\@" belongs to the local part: read as an end of it, the letter would seem to come from another
    // domain.
    if (text_.substr(at_).starts_with("\\@")) ++at_;
    out += text_[at_++];
  }
}

// Behind "@": labels and dots, blanks and comments between them dropped (obs-domain), or a literal. A
// parenthesis that closes nothing ends it.
void AddressListReader::take_domain(Draft& draft) {
  skip_blanks(draft);
  if (at_ < text_.size() && text_[at_] == '[') {
    const size_t close = text_.find(']', at_);
    const size_t end = close == std::string_view::npos ? text_.size() : close + 1;
    for (char c : text_.substr(at_, end - at_)) {
      if (!is_blank(c)) draft.domain += c;
    }
    at_ = end;
    return;
  }
  while (at_ < text_.size()) {
    const size_t begin = at_, known = draft.domain.size();
    take_word(draft.domain);
    if (at_ == begin) return;
    if (const size_t stray = draft.domain.find(')', known); stray != std::string::npos) {
      at_ = text_.find(')', begin);
      draft.domain.resize(stray);
      return;
    }
    const size_t word_end = at_;
    skip_blanks(draft);
    // "example . org" goes on, "example.org Joe" does not.
    if (at_ == word_end || at_ >= text_.size()) return;
    if (text_[at_] != '.' && !draft.domain.ends_with('.')) return;
  }
}

// "@a,@b:" inside angle brackets (obs-route).
void AddressListReader::take_route(Draft& draft) {
  const size_t begin = at_;
  size_t i = at_;
  while (i < text_.size() && text_[i] != ':' && text_[i] != '>' && text_[i] != '<' && text_[i] != '"') ++i;
  if (i >= text_.size() || text_[i] != ':') return;
  for (char c : text_.substr(begin, i - begin)) {
    if (!is_blank(c)) draft.route += c;
  }
  at_ = i + 1;
}

// Behind "<". Ends behind ">", or before a comma or semicolon where it is missing (RFC 7103
// section 7.1.3, 7.1.5).
void AddressListReader::take_angle(Draft& draft) {
  while (at_ < text_.size() && (text_[at_] == '<' || is_blank(text_[at_]))) ++at_;
  if (at_ < text_.size() && text_[at_] == '@') take_route(draft);
  draft.has_angle = true;
  draft.has_at = false;
  draft.local.clear();
  draft.domain.clear();
  draft.local_end = at_;
  while (at_ < text_.size()) {
    draft.blank_before = false;
    skip_blanks(draft);
    if (at_ >= text_.size()) break;
    const char c = text_[at_];
    if (c == '>') {
      while (at_ < text_.size() && text_[at_] == '>') ++at_;
      break;
    }
    if (c == ',' || c == ';') break;
    if (c == '@' && !draft.has_at) {
      ++at_;
      draft.has_at = true;
      take_domain(draft);
    } else if (draft.has_at || c == '@' || c == ':' || c == '<' || c == '[') {
      ++at_;  // junk
    } else {
      const size_t before = draft.local.size();
      if (c == '"') {
        take_quoted(draft.local);
      } else {
        take_word(draft.local);
      }
      // obs-local-part has blanks around dots only; elsewhere one blank is kept.
      if (before > 0 && draft.blank_before && draft.local[before - 1] != '.' && draft.local.size() > before &&
          draft.local[before] != '.') {
        draft.local.insert(before, 1, ' ');
      }
      draft.local_end = at_;
    }
  }
}

// Whether words behind a whole address begin another one, the comma between them missing. Looked for once an
// entry: what is none is junk up to the next comma.
bool AddressListReader::another_follows(Draft& draft) {
  if (std::exchange(draft.has_junk, true) || text_[at_] == ':' || text_[at_] == '>' || text_[at_] == '@')
    return false;
  const size_t mark = text_.find_first_of("<@,;:>", at_);
  return mark != std::string_view::npos && (text_[mark] == '<' || text_[mark] == '@');
}

AddressListReader::End AddressListReader::take_entry(Draft& draft) {
  bool keeps_blank = false;
  while (true) {
    draft.blank_before = std::exchange(keeps_blank, false);
    skip_blanks(draft);
    if (at_ >= text_.size()) return End::text;
    const char c = text_[at_];
    if (c == ',' || c == ';' ||
        (c == ':' && !in_group_ && !draft.has_at && !draft.has_angle && draft.has_words)) {
      ++at_;
      return c == ',' ? End::comma : c == ';' ? End::semicolon : End::colon;
    }
    if (c == '<' && draft.has_angle && !draft.local.empty()) return End::comma;
    if (c == '<') {
      ++at_;
      if (draft.has_at) {  // joe@example.org <joe@example.org>: the first is the name
        draft.phrase = draft.local + "@" + draft.domain;
      }
      take_angle(draft);
    } else if (c == '@' && !draft.has_at && !draft.has_angle && draft.has_words) {
      ++at_;
      draft.has_at = true;
      draft.local = draft.has_quoted ? std::exchange(draft.phrase, {}) : without_blanks_at_dots(draft.phrase);
      draft.phrase.clear();
      take_domain(draft);
    } else if ((draft.has_angle || draft.has_at) && another_follows(draft)) {
      return End::comma;
    } else if (draft.has_angle || draft.has_at || c == ':' || c == '>') {
      // Words behind a whole address, and stray marks, mean nothing.
      std::string junk;
      const size_t begin = at_;
      if (c == '"') {
        take_quoted(junk);
      } else {
        take_word(junk);
        if (at_ == begin) ++at_;
      }
    } else {
      const size_t before = draft.phrase.size();
      if (c == '"') {
        const bool quoted = take_quoted(draft.phrase);
        draft.has_quoted |= quoted;
        keeps_blank = !quoted && draft.blank_before;  // the quote was passed over
      } else {
        if (c == '[' || c == '@') {
          draft.phrase += c;
          ++at_;
        }
        take_word(draft.phrase);
      }
      if (before > 0 && draft.blank_before && draft.phrase.size() > before)
        draft.phrase.insert(before, 1, ' ');
      draft.has_words = true;
      draft.local_end = at_;
    }
  }
}

bool AddressListReader::finish(Draft& draft, EnvelopeAddress& out) {
  if (!draft.has_words && !draft.has_angle) return false;
  local_end_ = draft.local_end;
  if (!draft.has_at && !draft.has_angle) {
    // A naked local part (RFC 7103 section 7.1.7), or no more than a name.
    out = EnvelopeAddress();
    const bool word = draft.phrase.find(' ') == std::string::npos;
    (word ? out.mailbox : out.name) = std::move(draft.phrase);
    out.has_name = !word;
    out.has_mailbox = out.has_host = true;
    if (word && out.mailbox.empty()) return false;
    return true;
  }
  if (draft.phrase.empty() && draft.has_comment) draft.phrase = std::move(draft.comment);
  if (draft.has_angle && draft.local.empty() && !draft.has_at && draft.phrase.empty()) return false;
  out.has_name = !draft.phrase.empty();
  out.name = std::move(draft.phrase);
  out.has_route = !draft.route.empty();
  out.route = std::move(draft.route);
  out.mailbox = std::move(draft.local);
  out.host = std::move(draft.domain);
  out.has_mailbox = out.has_host = true;
  return true;
}

bool AddressListReader::next(EnvelopeAddress& out) {
  while (true) {
    if (group_end_due_) {
      group_end_due_ = in_group_ = false;
      out = EnvelopeAddress();
      return true;
    }
    if (at_ >= text_.size()) {
      if (!in_group_) return false;
      group_end_due_ = true;
      continue;
    }
    Draft draft;
    const End end = take_entry(draft);
    if (end == End::colon) {
      in_group_ = true;
      out = EnvelopeAddress();
      out.mailbox = std::move(draft.phrase);
      out.has_mailbox = true;
      return true;
    }
    if (end == End::semicolon) group_end_due_ = in_group_;
    if (finish(draft, out)) return true;
  }
}

std::vector<EnvelopeAddress> parse_address_list(std::string_view value, size_t limit, bool* truncated) {
  std::vector<EnvelopeAddress> out;
  AddressListReader reader(value);
  EnvelopeAddress entry;
  while (reader.next(entry)) {
    if (out.size() >= limit) {
      if (truncated != nullptr) *truncated = true;
      break;
    }
    out.push_back(std::move(entry));
  }
  return out;
}

std::vector<Address> mailboxes(std::string_view value) {
  std::vector<Address> out;
  AddressListReader reader(value);
  EnvelopeAddress entry;
  while (out.size() < limits::kAddresses && reader.next(entry)) {
    if (!entry.has_host || (entry.mailbox.empty() && entry.host.empty())) continue;
    out.push_back({std::move(entry.mailbox), std::move(entry.host)});
  }
  return out;
}

std::optional<std::string> complete_addresses(std::string_view value, std::string_view domain) {
  std::string out;
  size_t copied = 0;
  AddressListReader reader(value);
  EnvelopeAddress entry;
  while (reader.next(entry)) {
    if (!entry.has_host || !entry.host.empty() || entry.mailbox.empty()) continue;
    if (reader.local_end() < copied || at_sign_follows(value, reader.local_end())) continue;
    out.append(value.substr(copied, reader.local_end() - copied)).append("@").append(domain);
    copied = reader.local_end();
  }
  if (copied == 0) return std::nullopt;
  return out.append(value.substr(copied));
}

}  // namespace posthouse::message
