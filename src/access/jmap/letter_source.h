// Octets, wherever they are: of a letter in the store, one that is attached to another, an upload, or in
// memory.
#pragma once

#include <string>

#include "access/jmap/server.h"
#include "message/summary.h"

namespace posthouse::access::jmap {

class LetterSource {
 public:
  LetterSource(const Services& services, store::AccountId account, store::Entry entry)
      : services_(services), account_(account), entry_(std::move(entry)), size_(entry_.size) {}
  LetterSource(const Services& services, store::AccountId account, const uploads::Upload& upload)
      : services_(services), account_(account), upload_(upload.id), size_(upload.size) {}
  LetterSource(const Services& services, std::string octets)
      : services_(services), octets_(std::move(octets)), size_(octets_.size()) {}

  // What is read from now on is this part of it.
  void narrow(uint64_t begin, uint64_t end) {
    begin_ += begin;
    size_ = end - begin;
  }
  uint64_t size() const { return size_; }
  // Exactly so many octets, which there have to be.
  Task<Result<std::string>> read(uint64_t offset, uint64_t length) const;

 private:
  const Services& services_;
  store::AccountId account_ = 0;  // 0: in memory
  uint64_t upload_ = 0;           // else a letter
  store::Entry entry_{};
  std::string octets_{};
  uint64_t begin_ = 0, size_;
};

// Its shape, found by reading all of it a piece at a time.
Task<Result<message::Summary>> summarize(const LetterSource& source);

}  // namespace posthouse::access::jmap
