// Blobs: immutable bytes of any length (messages), in chunks, so that none is ever whole in memory.
//
// A blob is a partition: a row per chunk, a row for its length and checksum, a row per reference. It lives while it
// has references; a blob that lost its last one, or never got one (crash, aborted letter), is removed by sweep().
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"

namespace posthouse::engine {

using BlobId = uint64_t;  // from IdSource: never reused

constexpr size_t kBlobChunk = 128 * 1024;

// Takes a blob's bytes in order. Holds at most one chunk. Destroying it without a successful commit of seal()'s
// step abandons the blob: what was put ahead is removed by the next sweep.
class BlobWriter {
 public:
  BlobWriter(Engine& engine, BlobId id) : engine_(engine), id_(id) {}

  Task<Result<void>> append(std::string_view bytes);  // `bytes` valid until done; fails with no_space or io
  BlobId id() const { return id_; }
  uint64_t size() const { return size_; }

  // The step that completes the blob and gives it its references, to go into the transaction that needs them: each
  // a short key such as "a<account>.<mailbox>.<uid>", whatever the owner can name again. Call once, last.
  Step seal(std::vector<std::string> references);

 private:
  Engine& engine_;
  BlobId id_;
  uint64_t size_ = 0;
  uint32_t chunks_ = 0;
  uint64_t checksum_state_ = 0;
  std::string pending_;
};

// Adds / drops one reference. Dropping the last marks the blob for sweep().
Step add_reference(BlobId id, std::string reference);
Step drop_reference(BlobId id, std::string reference);

// Bytes [offset, offset+length) of the blob, cut at its end; reads only the chunks it needs, each checked.
// Blocking form for use inside Engine::read.
Result<std::string> read_blob(const Reader& reader, BlobId id, uint64_t offset, uint64_t length);
Task<Result<std::string>> fetch_blob(Engine& engine, BlobId id, uint64_t offset, uint64_t length);
Result<uint64_t> blob_size(const Reader& reader, BlobId id);

// Removes blobs without references: marked ones, and at start also those a crash left unfinished (`at_start`).
// Returns how many went. Bounded work a call (`most`); call again while it returns `most`.
Task<Result<size_t>> sweep_blobs(Engine& engine, bool at_start, size_t most = 1000);

}  // namespace posthouse::engine
