#include "search/text_extractor.h"

#include <algorithm>
#include <string>

#include "message/transfer.h"
#include "search/limits.h"

namespace posthouse::search {

namespace {

// The octets of a part go to the extractor. False: they can't be read, or it does not take them.
Task<bool> feed_part(store::MailStore& store, Pool& pool, TextExtractor& extractor, AccountId account,
                     const store::Entry& entry, const message::Part& part, uint64_t& read) {
  message::TransferDecoder transfer(message::transfer_encoding(part.encoding));
  const uint64_t end = std::min(part.body_end, entry.size);
  for (uint64_t at = part.body_begin; at < end; at += kPiece) {
    const Result<std::string> piece =
        co_await store.read(account, entry, at, std::min<uint64_t>(kPiece, end - at));
    if (!piece || piece->empty()) co_return false;
    read += piece->size();
    const bool last = at + kPiece >= end;
    auto feed = [&] {
      std::string octets;
      transfer.feed(*piece, octets);
      if (last) transfer.finish(octets);
      return extractor.feed(octets);
    };
    const Result<void> fed = co_await offload(pool, feed);
    if (!fed) co_return false;
  }
  co_return true;
}

}  // namespace

std::vector<message::Document> documents_for(const TextExtractor& extractor,
                                             const message::Summary& summary) {
  std::vector<message::Document> found = message::documents(summary, kDocuments);
  std::erase_if(found, [&](const message::Document& document) {
    const uint64_t size =
        document.part->body_end - std::min(document.part->body_begin, document.part->body_end);
    return size == 0 || size > kDocumentOctets || !extractor.knows(document.kind);
  });
  return found;
}

Task<uint64_t> add_documents(store::MailStore& store, Pool& pool, TextExtractor& extractor,
                             SegmentBuilder& builder, AccountId account, const store::Entry& entry,
                             const std::vector<message::Document>& documents) {
  uint64_t read = 0;
  for (const message::Document& document : documents) {
    if (builder.overfull()) break;
    auto begin = [&] { return extractor.begin(document.kind); };
    const Result<void> begun = co_await offload(pool, begin);
    if (!begun) continue;
    const bool whole = co_await feed_part(store, pool, extractor, account, entry, *document.part, read);
    if (!whole) continue;
    auto finish = [&] {
      size_t left = kDocumentText;
      Result<void> done = extractor.finish([&](std::string_view utf8) {
        builder.feed(Field::documents, utf8);
        left -= std::min(left, utf8.size());
        return left > 0 && !builder.overfull();
      });
      builder.end_text();
      return done;
    };
    const Result<void> done = co_await offload(pool, finish);
    // Who made one such document may have attached more of them.
    if (!done && done.error().kind == FaultKind::timeout) break;
  }
  co_return read;
}

}  // namespace posthouse::search
