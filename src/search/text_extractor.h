// The text of documents that are none themselves, for searches that are not exact (RFC 6203): who gets it out
// of them, and how it comes into the index.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/pool.h"
#include "base/result.h"
#include "base/task.h"
#include "message/document.h"
#include "search/builder.h"
#include "store/mail_store.h"

namespace posthouse::search {

// One document after another, by one thread at a time, which may wait long in each call.
class TextExtractor {
 public:
  virtual ~TextExtractor() = default;
  // Thread-safe.
  virtual bool knows(message::DocumentKind kind) const = 0;
  // A document begins; one that was not finished is forgotten.
  virtual Result<void> begin(message::DocumentKind kind) = 0;
  // Its octets, without transfer encoding, in pieces.
  virtual Result<void> feed(std::string_view octets) = 0;
  // Its text, in UTF-8, in pieces. `take` gives false when it has enough. What came before a fault is good.
  // `timeout`: it took too long.
  virtual Result<void> finish(const std::function<bool(std::string_view utf8)>& take) = 0;
  // Thread-safe: what is waited for is given up soon (`closed`).
  virtual void stop() {}
};

// Which of a letter's documents it knows.
std::vector<message::Document> documents_for(const TextExtractor& extractor, const message::Summary& summary);

// Their texts, behind those of the letter. Documents that can't be read are passed over. Gives the octets of
// the letter that were read.
Task<uint64_t> add_documents(store::MailStore& store, Pool& pool, TextExtractor& extractor,
                             SegmentBuilder& builder, AccountId account, const store::Entry& entry,
                             const std::vector<message::Document>& documents);

}  // namespace posthouse::search
