// Blobs: immutable bytes of any length (messages), in chunks, so that none is ever whole in memory.
//
// A blob is a partition: a row for its length and checksum (which holds the bytes too when they fit one
// chunk), else a row per chunk, and a row per reference. It lives while it has references; a blob that lost
// its last one, or never got one (crash, aborted letter), is removed by sweep_blobs(), which finds it by a
// hint (engine/engine.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"

namespace posthouse::engine {

using BlobId = uint64_t;  // from IdSource: never reused

constexpr size_t kBlobChunk = 128 * 1024;

// Takes a blob's bytes in order. Holds at most one chunk. Destroying it without a successful commit of
// seal()'s step abandons the blob: what was put ahead is removed by the next sweep.
class BlobWriter {
 public:
  BlobWriter(Engine& engine, BlobId id) : engine_(engine), id_(id) {}
  ~BlobWriter();
  BlobWriter(const BlobWriter&) = delete;
  BlobWriter& operator=(const BlobWriter&) = delete;

  Task<Result<void>> append(std::string_view bytes);  // `bytes` valid until done; fails with no_space or io
  BlobId id() const { return id_; }
  uint64_t size() const { return size_; }

  // The step that completes the blob and gives it its references, to go into the transaction that needs them:
  // each a short key such as "a<account>.<mailbox>.<uid>", whatever the owner can name again. Call once,
  // last.
  Step seal(std::vector<std::string> references);

 private:
  Task<Result<void>> flush_chunk();

  Engine& engine_;
  BlobId id_;
  uint64_t size_ = 0;
  uint32_t chunks_ = 0;
  uint64_t checksum_state_ = 0;
  std::string pending_;
};

// Adds / drops one reference. Dropping the last removes the blob if its size is known and no more than a
// chunk, else marks it for sweep_blobs(). Adding fails with `not_found` when the blob has no reference left
// (it may be swept any moment); dropping one that is not there does nothing.
Step add_reference(BlobId id, std::string reference);
// The same, and quicker where the blob has the reference `known`: one row that is asked for by its name costs
// less than the first one of a range.
Step add_reference_beside(BlobId id, std::string known, std::string reference);
Step drop_reference(BlobId id, std::string reference, std::optional<uint64_t> blob_size);

// After damage (Engine::lost): puts a reference that was lost back, as long as the blob's head is there.
Step restore_reference(BlobId id, std::string reference);

// Bytes [offset, offset+length) of the blob, cut at its end; reads only the chunks it needs, each checked.
// Blocking form for use inside Engine::read.
Result<std::string> read_blob(const Reader& reader, BlobId id, uint64_t offset, uint64_t length);
// The same for many whole blobs, each for whoever has this reference. Ends behind the first where the sum is
// more than `most_bytes`, or at the first that can't be read or is not referred to, whose fault is then in
// the last place.
struct BlobUse {
  BlobId id = 0;
  std::string reference;
};
std::vector<Result<std::string>> read_blobs(const Reader& reader, const std::vector<BlobUse>& wanted,
                                            uint64_t most_bytes);
Task<Result<std::string>> fetch_blob(Engine& engine, BlobId id, uint64_t offset, uint64_t length);
Result<uint64_t> blob_size(const Reader& reader, BlobId id);
// Blobs of the same bytes have the same; others hardly ever.
Result<uint64_t> blob_checksum(const Reader& reader, BlobId id);

// The same of bytes that are not (yet) a blob, fed in pieces of any size.
class BlobChecksum {
 public:
  void feed(std::string_view bytes);
  uint64_t value() const;  // of all so far

 private:
  uint64_t state_ = 0;
  std::string pending_;  // less than a chunk
};

// Whether the blob has this reference; the second form does not block.
Result<bool> has_reference(const Reader& reader, BlobId id, std::string_view reference);
Task<Result<bool>> fetch_has_reference(Engine& engine, BlobId id, std::string reference);

// Removes blobs without references: marked ones, and at start also those a crash left unfinished
// (`at_start`). Returns how many went. Bounded work a call (`most`); call again while it returns `most`.
// `at_start` only while no BlobWriter exists.
Task<Result<size_t>> sweep_blobs(Engine& engine, bool at_start, size_t most = 1000);

// Reads all of a blob and compares it with its checksums: `corrupt` or `not_found` says what is wrong.
Result<void> check_blob(const Reader& reader, BlobId id);

// The references of a blob, sorted.
Result<std::vector<std::string>> blob_references(const Reader& reader, BlobId id);

}  // namespace posthouse::engine
