#include "engine/blob.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/id.h"
#include "engine/blob_format.h"
#include "engine/record.h"

namespace posthouse::engine {

namespace {

Step make_step(BlobId id, std::function<Result<void>(Transaction&)> apply) {
  return Step{blob_partition(id), std::move(apply)};
}

// Any error of a scan wins over what the visitor found.
Result<bool> has_reference(const Transaction& rows) {
  bool found = false;
  const Result<void> scanned =
      rows.scan(kReferenceBegin, kReferenceEnd, [&](std::string_view, std::string_view) {
        found = true;
        return false;
      });
  if (!scanned) return std::unexpected(scanned.error());
  return found;
}

// `known`: one that it probably has; "" for none.
Result<bool> has_reference(const Transaction& rows, const std::string& known) {
  if (!known.empty()) {
    const Result<std::optional<std::string>> there = rows.get(reference_key(known));
    if (!there) return std::unexpected(there.error());
    if (*there) return true;
  }
  return has_reference(rows);
}

}  // namespace

BlobWriter::~BlobWriter() {
  // Whether the blob was sealed is not known here; the sweep looks for itself.
  if (chunks_ > 0) engine_.hint(dropped_hint(id_));
}

Task<Result<void>> BlobWriter::append(std::string_view bytes) {
  while (!bytes.empty()) {
    if (pending_.size() == kBlobChunk) {
      Result<void> flushed = co_await flush_chunk();
      if (!flushed) co_return flushed;
    }
    const size_t take = std::min(bytes.size(), kBlobChunk - pending_.size());
    pending_.append(bytes.substr(0, take));
    size_ += take;
    bytes.remove_prefix(take);
  }
  co_return Result<void>();
}

Task<Result<void>> BlobWriter::flush_chunk() {
  if (chunks_ == 0) {
    // From now on a crash leaves something behind: say so first.
    Result<void> noted = co_await engine_.put_ahead(hints_partition(), unfinished_hint(id_), std::string());
    if (!noted) co_return noted;
  }
  checksum_state_ = chain_checksum(checksum_state_, pending_);
  Result<void> written =
      co_await engine_.put_ahead(blob_partition(id_), chunk_key(chunks_), chunk_record(pending_));
  if (!written) co_return written;
  ++chunks_;
  pending_.clear();
  co_return Result<void>();
}

Step BlobWriter::seal(std::vector<std::string> references) {
  BlobHead head;
  head.size = size_;
  head.checksum = chain_checksum(checksum_state_, pending_);
  std::string last_chunk;
  if (chunks_ == 0) {
    head.inlined = pending_;
  } else {
    last_chunk = chunk_record(pending_);
    head.chunks = chunks_ + 1;
  }
  return make_step(id_,
                   [last = chunks_, last_chunk = std::move(last_chunk), head_row = encode_head(head),
                    refs = std::move(references)](Transaction& rows) -> Result<void> {
                     if (!last_chunk.empty()) rows.put(chunk_key(last), last_chunk);
                     rows.put(kHeadKey, head_row);
                     for (const std::string& reference : refs)
                       rows.put(reference_key(reference), reference_record());
                     return {};
                   });
}

void BlobChecksum::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (pending_.size() == kBlobChunk) {  // a full chunk is the last one until another byte comes
      state_ = chain_checksum(state_, pending_);
      pending_.clear();
    }
    const size_t take = std::min(bytes.size(), kBlobChunk - pending_.size());
    pending_.append(bytes.substr(0, take));
    bytes.remove_prefix(take);
  }
}

uint64_t BlobChecksum::value() const {
  return chain_checksum(state_, pending_);
}

Step add_reference(BlobId id, std::string reference) {
  return add_reference_beside(id, "", std::move(reference));
}

Step add_reference_beside(BlobId id, std::string known, std::string reference) {
  return make_step(
      id,
      [id, known = std::move(known), reference = std::move(reference)](Transaction& rows) -> Result<void> {
        const Result<bool> alive = has_reference(rows, known);
        if (!alive) return std::unexpected(alive.error());
        if (!*alive) return fail(FaultKind::not_found, fmt::format("blob {} is gone", format_id(id)));
        rows.put(reference_key(reference), reference_record());
        return {};
      });
}

Step restore_reference(BlobId id, std::string reference) {
  return Step{blob_partition(id), [reference = std::move(reference)](Transaction& rows) -> Result<void> {
                const Result<std::optional<std::string>> head = rows.get(kHeadKey);
                if (!head) return std::unexpected(head.error());
                if (*head) rows.put(reference_key(reference), reference_record());
                return {};
              }};
}

// A small blob is one row: it goes without being read again, and if it is young (a letter that was sent on at
// once) without ever having been written to a table.
Step drop_reference(BlobId id, std::string reference, std::optional<uint64_t> blob_size) {
  const bool is_one_row = blob_size && *blob_size <= kBlobChunk;
  return make_step(id, [id, is_one_row, reference = std::move(reference)](Transaction& rows) -> Result<void> {
    rows.erase(reference_key(reference));
    const Result<bool> alive = has_reference(rows);
    if (!alive) return std::unexpected(alive.error());
    if (*alive) return {};
    if (is_one_row) {
      rows.erase(kHeadKey);
    } else {
      rows.hint(dropped_hint(id));
    }
    return {};
  });
}

}  // namespace posthouse::engine
