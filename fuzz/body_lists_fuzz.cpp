// Which parts are shown and which are attached (RFC 8621 section 4.1.4): every part that is no multipart is
// somewhere, and the record knows sizes and attachments as they are found in the message itself.
#include <algorithm>
#include <cstdlib>

#include "message/body_lists.h"
#include "message/preview.h"
#include "message/summary.h"
#include "message/transfer.h"
#include "message/unicode_text.h"

using namespace posthouse::message;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

bool among(const std::vector<const Part*>& list, const Part& part) {
  return std::find(list.begin(), list.end(), &part) != list.end();
}

void check_leaf(const Part& part, const BodyLists& lists) {
  if (part.is_multipart()) {
    for (const auto& child : part.children) check_leaf(child, lists);
    return;
  }
  require(among(lists.text, part) || among(lists.html, part) || among(lists.attachments, part));
  require(is_utf8(part_name(part)));
}

void check_size(const Part& part, std::string_view message) {
  for (const auto& child : part.children) check_size(child, message);
  if (!part.decoded_size) return;
  TransferDecoder decoder(transfer_encoding(part.encoding));
  std::string out;
  decoder.feed(message.substr(part.body_begin, part.body_end - part.body_begin), out);
  decoder.finish(out);
  require(*part.decoded_size == out.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  const Summary summary = summarize(message);
  const BodyLists lists = body_lists(summary.root);
  check_leaf(summary.root, lists);
  check_size(summary.root, message);
  require(has_attachment(summary.root) == lists.has_attachment());
  const auto overview = read_overview(encode(summary));
  require(overview && *overview == summary.overview && overview->has_attachment == lists.has_attachment());
  require(is_utf8(overview->preview));
  if (summary.root.is_multipart() || !lists.attachments.empty()) return 0;
  const Part* part = preview_part(summary.root);
  if (part == nullptr) return 0;
  Preview preview(*part);
  preview.feed(message.substr(part->body_begin, part->body_end - part->body_begin));
  require(preview.finish() == overview->preview);
  return 0;
}
