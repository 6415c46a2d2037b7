#include "search/letter_reader.h"

#include <algorithm>

#include "message/encoded_word.h"
#include "message/search_text.h"
#include "search/limits.h"

namespace posthouse::search {

namespace {

void add_text(SegmentBuilder& builder, Field field, std::string_view utf8) {
  builder.feed(field, utf8);
  builder.end_text();
}

void add_envelope(SegmentBuilder& builder, const message::Envelope& envelope) {
  if (envelope.has_subject) add_text(builder, Field::subject, message::decode_words(envelope.subject));
  for (const auto* list : {&envelope.from, &envelope.to, &envelope.cc, &envelope.bcc}) {
    for (const message::EnvelopeAddress& address : *list)
      add_text(builder, Field::addresses, message::address_text(address));
  }
}

// Where headers are that are searched: [begin, begin + length).
struct Extent {
  uint64_t begin, length;
};
std::vector<Extent> headers_of(const message::Summary& summary) {
  std::vector<Extent> out{{0, message::searched_header(0, summary.root.body_begin)}};
  for (const message::Part* part : message::parts_with_headers(summary)) {
    out.push_back({part->header_begin, message::searched_header(part->header_begin, part->body_begin)});
  }
  std::erase_if(out, [](const Extent& extent) { return extent.length == 0; });
  return out;
}

std::string_view cut(std::string_view whole, uint64_t begin, uint64_t end) {
  end = std::min<uint64_t>(end, whole.size());
  return begin >= end ? std::string_view() : whole.substr(begin, end - begin);
}

}  // namespace

void add_letter(SegmentBuilder& builder, const message::Summary& summary, std::string_view whole) {
  add_envelope(builder, summary.envelope);
  for (const Extent& header : headers_of(summary)) {
    const std::string_view octets = cut(whole, header.begin, header.begin + header.length);
    add_text(builder, Field::header, message::header_text(octets));
  }
  std::string text;
  for (const message::Part* part : message::text_parts(summary)) {
    message::PartTextDecoder decoder(*part);
    text.clear();
    decoder.feed(cut(whole, part->body_begin, part->body_end), text);
    decoder.finish(text);
    add_text(builder, Field::body, text);
  }
}

Task<uint64_t> add_long_letter(store::MailStore& store, Pool& pool, SegmentBuilder& builder,
                               AccountId account, const store::Entry& entry, const message::Summary& summary,
                               const std::function<bool()>& stopping) {
  uint64_t read = 0;
  auto envelope = [&] { add_envelope(builder, summary.envelope); };
  co_await offload(pool, envelope);
  for (const Extent& header : headers_of(summary)) {
    const Result<std::string> octets = co_await store.read(account, entry, header.begin, header.length);
    if (!octets) {
      builder.set_opaque();
      continue;
    }
    read += octets->size();
    auto add = [&] { add_text(builder, Field::header, message::header_text(*octets)); };
    co_await offload(pool, add);
  }
  for (const message::Part* part : message::text_parts(summary)) {
    message::PartTextDecoder decoder(*part);
    const uint64_t end = std::min(part->body_end, entry.size);
    for (uint64_t at = part->body_begin; at < end; at += kPiece) {
      if (builder.overfull() || (stopping && stopping())) {
        builder.set_opaque();
        co_return read;
      }
      const Result<std::string> piece =
          co_await store.read(account, entry, at, std::min<uint64_t>(kPiece, end - at));
      if (!piece || piece->empty()) {
        builder.set_opaque();
        break;
      }
      read += piece->size();
      auto add = [&] {
        std::string text;
        decoder.feed(*piece, text);
        builder.feed(Field::body, text);
      };
      co_await offload(pool, add);
    }
    auto finish = [&] {
      std::string text;
      decoder.finish(text);
      builder.feed(Field::body, text);
      builder.end_text();
    };
    co_await offload(pool, finish);
  }
  co_return read;
}

}  // namespace posthouse::search
