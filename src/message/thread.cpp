#include "message/thread.h"

#include "base/ascii.h"
#include "message/encoded_word.h"
#include "message/headers.h"
#include "message/message_ids.h"

namespace posthouse::message {
namespace {

// Step 1: one line in UTF-8, no blanks but single spaces.
std::string single_spaced(std::string_view subject) {
  std::string line = decode_words(subject);
  size_t kept = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const bool blank = is_wsp(line[i]);
    if (!blank || kept == 0 || line[kept - 1] != ' ') line[kept++] = blank ? ' ' : line[i];
  }
  line.resize(kept);
  return line;
}

void skip_spaces(std::string_view& text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
}

// subj-trailer, as often as it is there.
bool drop_trailers(std::string_view& text) {
  constexpr std::string_view kForward = "(fwd)";
  bool forward = false;
  while (true) {
    if (text.ends_with(' ')) {
      text.remove_suffix(1);
    } else if (text.size() >= kForward.size() &&
               iequals(text.substr(text.size() - kForward.size()), kForward)) {
      text.remove_suffix(kForward.size());
      forward = true;
    } else {
      return forward;
    }
  }
}

// subj-blob: "[...]" and blanks behind it.
bool drop_blob(std::string_view& text) {
  if (!text.starts_with('[')) return false;
  const size_t end = text.find_first_of("[]", 1);
  if (end == std::string_view::npos || text[end] != ']') return false;
  text.remove_prefix(end + 1);
  skip_spaces(text);
  return true;
}

// subj-refwd: "Re:", "Fwd [list]:" and the like.
bool drop_refwd(std::string_view& text) {
  auto rest = text;
  if (istarts_with(rest, "re")) {
    rest.remove_prefix(2);
  } else if (istarts_with(rest, "fw")) {
    rest.remove_prefix(istarts_with(rest, "fwd") ? 3 : 2);
  } else {
    return false;
  }
  skip_spaces(rest);
  drop_blob(rest);
  if (!rest.starts_with(':')) return false;
  rest.remove_prefix(1);
  text = rest;
  return true;
}

// Steps 3 to 5: subj-leaders, and blobs that something follows. A row of blobs is walked once: where no
// subj-refwd is behind it, all of it goes, but for the last blob if that is all there is.
bool drop_leaders(std::string_view& text) {
  bool reply = false;
  while (true) {
    skip_spaces(text);
    auto rest = text, last_blob = text;
    for (auto before = rest; drop_blob(rest); before = rest) last_blob = before;
    if (drop_refwd(rest)) {
      text = rest;
      reply = true;
      continue;
    }
    text = rest.empty() ? last_blob : rest;
    return reply;
  }
}

// Step 6: "[fwd: ...]".
bool drop_forward_frame(std::string_view& text) {
  constexpr std::string_view kHead = "[fwd:";
  if (!istarts_with(text, kHead) || !text.ends_with(']')) return false;
  text.remove_prefix(kHead.size());
  text.remove_suffix(1);
  return true;
}

}  // namespace

BaseSubject base_subject(std::string_view subject) {
  const std::string line = single_spaced(subject);
  std::string_view text = line;
  BaseSubject base;
  do {
    base.reply_or_forward |= drop_trailers(text);
    base.reply_or_forward |= drop_leaders(text);
    if (!drop_forward_frame(text)) break;
    base.reply_or_forward = true;
  } while (true);
  base.text = text;
  return base;
}

ThreadBase thread_base(std::string_view header_block) {
  ThreadBase base;
  std::string_view in_reply_to;
  bool has_subject = false;
  HeaderReader reader(header_block);
  HeaderField field;
  while (reader.next(field)) {
    if (base.message_id.empty() && iequals(field.name, "Message-ID")) {
      if (auto ids = parse_message_ids(field.value); !ids.empty()) base.message_id = std::move(ids.front());
    } else if (base.references.empty() && iequals(field.name, "References")) {
      base.references = parse_message_ids(field.value);
    } else if (in_reply_to.empty() && iequals(field.name, "In-Reply-To")) {
      in_reply_to = field.value;
    } else if (!has_subject && iequals(field.name, "Subject")) {
      has_subject = true;
      base.subject = base_subject(field.value);
    }
  }
  if (base.references.empty()) {
    if (auto ids = parse_message_ids(in_reply_to); !ids.empty())
      base.references.push_back(std::move(ids.front()));
  }
  return base;
}

}  // namespace posthouse::message
