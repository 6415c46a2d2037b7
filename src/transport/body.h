// The bytes of a letter for smtp::Client, from the blob in bounded pieces.
#pragma once

#include <memory>
#include <optional>

#include "engine/blob.h"
#include "queue/queue.h"
#include "smtp/client.h"

namespace posthouse::transport {

// Holds the first piece, so that a letter tried at several hosts is not read again if it is small, and a
// damaged one is found before anybody is told of it.
class Body {
 public:
  Body(engine::Engine& engine, const queue::Letter& letter)
      : engine_(engine), blob_(letter.blob), offset_(letter.offset), size_(letter.size) {}

  Task<Result<void>> prepare();
  // From the beginning; this object must outlive it. One at a time.
  smtp::BodySource source();
  // Why the bytes could not be had, if that happened.
  const std::optional<Fault>& fault() const { return fault_; }

 private:
  Task<Result<std::string>> next();

  engine::Engine& engine_;
  engine::BlobId blob_;
  uint64_t offset_;
  uint64_t size_;
  uint64_t position_ = 0;
  std::string first_;
  std::optional<Fault> fault_;
};

// The first `most` bytes of a letter, or all.
Task<Result<std::string>> read_front(engine::Engine& engine, queue::Letter letter, uint64_t most);

}  // namespace posthouse::transport
