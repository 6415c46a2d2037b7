// A message whole and in pieces must give the same summary, and every summary must become well-formed IMAP
// text and come back from its record. The first byte chooses the size of the pieces.
#include <cstdlib>

#include "../tests/unit/message/support.h"
#include "message/body_lists.h"
#include "message/headers.h"
#include "message/limits.h"
#include "message/preview.h"
#include "message/search_text.h"
#include "message/unicode_text.h"

namespace {

using namespace posthouse::message;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_places(const Part& part, const Summary& summary) {
  require(part.header_begin <= part.body_begin && part.body_begin <= part.body_end &&
          part.body_end <= summary.size);
  require(part.body_lines <= part.body_end - part.body_begin);
  for (const auto& child : part.children) {
    // An empty part may stand in the line end that its parent's delimiter takes.
    require(child.header_begin >= part.body_begin);
    require(child.body_end <= part.body_end || child.body_begin == child.body_end);
    check_places(child, summary);
  }
}

void check_texts(const Summary& summary, std::string_view message) {
  TextSearch search({"a", "\xc3\xa9"});
  for (const Part* part : text_parts(summary)) {
    PartTextDecoder decoder(*part);
    std::string text;
    decoder.feed(message.substr(part->body_begin, part->body_end - part->body_begin), text);
    decoder.finish(text);
    require(is_utf8(text));
    search.feed(text);
    search.end_text();
  }
}

std::string preview_of(const Part& part, std::string_view body, size_t piece) {
  Preview preview(part);
  while (!body.empty() && preview.wants_more()) {
    preview.feed(body.substr(0, piece));
    body.remove_prefix(std::min(piece, body.size()));
  }
  return preview.finish();
}

void check_for_people(const Summary& summary, std::string_view message, size_t piece) {
  const BodyLists lists = body_lists(summary.root);
  require(lists.text.size() + lists.html.size() + lists.attachments.size() <= 3 * message.size() + 3);
  const Part* part = preview_part(summary.root);
  if (part == nullptr) return;
  const auto body = message.substr(part->body_begin, part->body_end - part->body_begin);
  const std::string text = preview_of(*part, body, body.size() + 1);
  require(text == preview_of(*part, body, piece));
  require(is_utf8(text) && text.size() <= 4 * limits::kPreview &&
          text.find_first_of("\r\n") == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string message(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Summary summary = summarize(message);
  const std::string record = encode(summary);
  require(record == encode(summarize_in_pieces(message, data[0] + 1)));
  require(summary.size == message.size());
  if (!summary.truncated) require(summary.root.body_begin == header_size(message));
  check_places(summary.root, summary);
  const auto again = decode(record);
  require(again.has_value() && encode(*again) == record);
  for (bool utf8 : {false, true}) {
    std::string text;
    append_imap_envelope(text, record, utf8);
    require(is_imap_list(text, utf8));
    for (bool extended : {false, true}) {
      text.clear();
      append_imap_bodystructure(text, record, extended, utf8);
      require(is_imap_list(text, utf8));
    }
  }
  check_texts(summary, message);
  check_for_people(summary, message, data[0] + 1);
  return 0;
}
