// Reading blobs: the chunks that are needed, each checked.
#include <algorithm>

#include <fmt/format.h>

#include "base/id.h"
#include "engine/blob.h"
#include "engine/blob_format.h"
#include "engine/record.h"

namespace posthouse::engine {

namespace {

Fault gone(BlobId id, std::string_view what) {
  return Fault{FaultKind::not_found, fmt::format("blob {}: {} is missing", format_id(id), what)};
}

// What the engine says of a row, with the blob's name.
Fault named(BlobId id, Fault fault) {
  fault.what = fmt::format("blob {}: {}", format_id(id), fault.what);
  return fault;
}

Result<std::string> head_row(const Reader& reader, BlobId id) {
  Result<std::optional<std::string>> row = reader.get(blob_partition(id), kHeadKey);
  if (!row) return std::unexpected(named(id, row.error()));
  if (!*row) return std::unexpected(gone(id, "head"));
  return std::move(**row);
}

// What [offset, offset+length) leaves of `size` bytes.
uint64_t cut_length(uint64_t size, uint64_t offset, uint64_t length) {
  return offset >= size ? 0 : std::min(length, size - offset);
}

Result<std::string> read_chunks(const Reader& reader, BlobId id, const BlobHead& head, uint64_t offset,
                                uint64_t length) {
  std::string out;
  uint64_t left = cut_length(head.size, offset, length);
  out.reserve(left);
  while (left > 0) {
    const auto index = static_cast<uint32_t>(offset / kBlobChunk);
    Result<std::optional<std::string>> row = reader.get(blob_partition(id), chunk_key(index));
    if (!row) return std::unexpected(named(id, row.error()));
    if (!*row) return std::unexpected(gone(id, "chunk"));
    const Result<std::string_view> bytes = decode_chunk(id, **row);
    if (!bytes) return std::unexpected(bytes.error());
    const uint64_t inside = offset % kBlobChunk;
    const uint64_t wanted = std::min(left, kBlobChunk - inside);
    if (bytes->size() < inside + wanted) return fail(FaultKind::corrupt, "blob chunk is too short");
    out.append(bytes->substr(inside, wanted));
    offset += wanted;
    left -= wanted;
  }
  return out;
}

}  // namespace

Result<std::string> read_blob(const Reader& reader, BlobId id, uint64_t offset, uint64_t length) {
  const Result<std::string> row = head_row(reader, id);
  if (!row) return std::unexpected(row.error());
  const Result<BlobHead> head = decode_head(id, *row);
  if (!head) return std::unexpected(head.error());
  if (head->chunks > 0) return read_chunks(reader, id, *head, offset, length);
  const uint64_t count = cut_length(head->size, offset, length);
  return count == 0 ? std::string() : std::string(head->inlined.substr(offset, count));
}

namespace {

// The bytes behind a head.
Result<std::string> whole_blob(const Reader& reader, BlobId id, std::optional<std::string_view> row) {
  if (!row) return std::unexpected(gone(id, "head"));
  const Result<BlobHead> head = decode_head(id, *row);
  if (!head) return std::unexpected(head.error());
  if (head->chunks > 0) return read_chunks(reader, id, *head, 0, UINT64_MAX);
  return std::string(head->inlined);
}

}  // namespace

std::vector<Result<std::string>> read_blobs(const Reader& reader, const std::vector<BlobUse>& wanted,
                                            uint64_t most_bytes) {
  std::vector<RowName> names;  // head and reference of each
  names.reserve(2 * wanted.size());
  for (const BlobUse& use : wanted) {
    names.push_back({blob_partition(use.id), std::string(kHeadKey)});
    names.push_back({blob_partition(use.id), reference_key(use.reference)});
  }
  std::vector<Result<std::string>> out;
  uint64_t total = 0;
  size_t met = 0;
  const Result<void> done = reader.get_many(names, [&](size_t i, std::optional<std::string_view> row) {
    const BlobId id = wanted[i / 2].id;
    met = i + 1;
    if (i % 2 == 0) {
      out.push_back(whole_blob(reader, id, row));
      return true;
    }
    if (!row) out.back() = std::unexpected(gone(id, "reference"));
    if (out.back()) total += out.back()->size();
    return out.back().has_value() && total <= most_bytes;
  });
  if (!done) {
    const Fault fault = named(wanted[met / 2].id, done.error());
    if (met % 2 == 0) out.emplace_back(std::unexpected(fault));
    if (met % 2 != 0) out.back() = std::unexpected(fault);
  }
  return out;
}

Task<Result<std::string>> fetch_blob(Engine& engine, BlobId id, uint64_t offset, uint64_t length) {
  Result<std::optional<std::string>> row = co_await engine.fetch(blob_partition(id), std::string(kHeadKey));
  if (!row) co_return std::unexpected(named(id, row.error()));
  if (!*row) co_return std::unexpected(gone(id, "head"));
  const Result<BlobHead> head = decode_head(id, **row);
  if (!head) co_return std::unexpected(head.error());
  if (head->chunks == 0) {
    const uint64_t count = cut_length(head->size, offset, length);
    co_return count == 0 ? std::string() : std::string(head->inlined.substr(offset, count));
  }
  std::string out;
  std::function<Result<void>(const Reader&)> job = [&](const Reader& reader) -> Result<void> {
    Result<std::string> bytes = read_chunks(reader, id, *head, offset, length);
    if (!bytes) return std::unexpected(bytes.error());
    out = std::move(*bytes);
    return {};
  };
  Result<void> done = co_await engine.read(std::move(job));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(out);
}

Result<uint64_t> blob_size(const Reader& reader, BlobId id) {
  const Result<std::string> row = head_row(reader, id);
  if (!row) return std::unexpected(row.error());
  const Result<BlobHead> head = decode_head(id, *row);
  if (!head) return std::unexpected(head.error());
  return head->size;
}

Result<uint64_t> blob_checksum(const Reader& reader, BlobId id) {
  const Result<std::string> row = head_row(reader, id);
  if (!row) return std::unexpected(row.error());
  const Result<BlobHead> head = decode_head(id, *row);
  if (!head) return std::unexpected(head.error());
  return head->checksum;
}

Result<bool> has_reference(const Reader& reader, BlobId id, std::string_view reference) {
  const Result<std::optional<std::string>> row = reader.get(blob_partition(id), reference_key(reference));
  if (!row) return std::unexpected(row.error());
  return row->has_value();
}

Task<Result<bool>> fetch_has_reference(Engine& engine, BlobId id, std::string reference) {
  Result<std::optional<std::string>> row =
      co_await engine.fetch(blob_partition(id), reference_key(reference));
  if (!row) co_return std::unexpected(row.error());
  co_return row->has_value();
}

Result<void> check_blob(const Reader& reader, BlobId id) {
  const Result<std::string> row = head_row(reader, id);
  if (!row) return std::unexpected(row.error());
  const Result<BlobHead> head = decode_head(id, *row);
  if (!head) return std::unexpected(head.error());
  uint64_t checksum = 0;
  if (head->chunks == 0) checksum = chain_checksum(0, head->inlined);
  for (uint32_t i = 0; i < head->chunks; ++i) {
    const Result<std::string> chunk = read_chunks(reader, id, *head, uint64_t{i} * kBlobChunk, kBlobChunk);
    if (!chunk) return std::unexpected(chunk.error());
    checksum = chain_checksum(checksum, *chunk);
  }
  if (checksum == head->checksum) return {};
  return fail(FaultKind::corrupt, fmt::format("blob {}: checksum differs", format_id(id)));
}

Result<std::vector<std::string>> blob_references(const Reader& reader, BlobId id) {
  std::vector<std::string> found;
  const Result<void> scanned = reader.scan(blob_partition(id), kReferenceBegin, kReferenceEnd,
                                           [&](std::string_view key, std::string_view) {
                                             found.emplace_back(key.substr(kReferenceBegin.size()));
                                             return true;
                                           });
  if (!scanned) return std::unexpected(scanned.error());
  return found;
}

}  // namespace posthouse::engine
