// The octets that a blob id names, piece by piece (RFC 8620 section 6).
#pragma once

#include <memory>
#include <optional>

#include "access/jmap/blob_id.h"
#include "access/jmap/part_reader.h"

namespace posthouse::access::jmap {

class OpenedBlob {
 public:
  // `not_found`: there is none of that name, or not for that account.
  static Task<Result<std::unique_ptr<OpenedBlob>>> open(const Services& services, store::AccountId account,
                                                        BlobId id);
  // Octets; of a part whose encoding has to be undone for that, where nobody has counted them, nothing.
  std::optional<uint64_t> size() const { return size_; }
  // What it says of itself: "image/png"; "message/rfc822" of a letter.
  const std::string& type() const { return type_; }
  // From the beginning; the blob outlives the reader.
  PartReader reader() const;
  // All of it as a source, without its encoding: `over_quota` where it is encoded and larger than `most`.
  Task<Result<LetterSource>> source(uint64_t most) const;

 private:
  OpenedBlob(const Services& services, LetterSource source)
      : services_(services), source_(std::move(source)) {}

  static Task<Result<std::unique_ptr<OpenedBlob>>> open_upload(const Services& services,
                                                               store::AccountId account, BlobId id);
  Result<void> choose(std::string_view section);

  const Services& services_;
  LetterSource source_;
  message::Summary summary_{};           // of the letter
  const message::Part* part_ = nullptr;  // of the summary; nullptr: all of the letter
  std::optional<uint64_t> size_{};
  std::string type_{};
};

}  // namespace posthouse::access::jmap
