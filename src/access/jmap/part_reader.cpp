#include "access/jmap/part_reader.h"

#include "access/jmap/limits.h"

namespace posthouse::access::jmap {
namespace {

message::TransferEncoding encoding_of(const message::Part& part) {
  return part.is_multipart() ? message::TransferEncoding::identity
                             : message::transfer_encoding(part.encoding);
}

}  // namespace

PartReader::PartReader(const LetterSource& source, const message::Part& part)
    : source_(source), at_(part.body_begin), end_(part.body_end), decoder_(encoding_of(part)) {}

PartReader::PartReader(const LetterSource& source)
    : source_(source), end_(source.size()), decoder_(message::TransferEncoding::identity) {}

Task<Result<std::string>> PartReader::next() {
  std::string out;
  if (at_ >= end_) {
    if (decoder_.changes()) decoder_.finish(out);
    done_ = true;
    co_return out;
  }
  const uint64_t length = std::min<uint64_t>(end_ - at_, kBlobPiece);
  Result<std::string> read = co_await source_.read(at_, length);
  if (!read) co_return std::unexpected(read.error());
  at_ += length;
  if (!decoder_.changes()) co_return std::move(*read);
  decoder_.feed(*read, out);
  co_return out;
}

std::optional<uint64_t> size_of(const message::Part& part) {
  if (part.is_multipart() || message::transfer_encoding(part.encoding) == message::TransferEncoding::unknown)
    return part.body_end - part.body_begin;
  return part.content_size();
}

}  // namespace posthouse::access::jmap
