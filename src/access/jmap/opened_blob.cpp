#include "access/jmap/opened_blob.h"

#include "access/jmap/letters.h"
#include "base/ascii.h"

namespace posthouse::access::jmap {
namespace {

// "1.2"; well-formed already.
std::vector<uint32_t> section_of(std::string_view text) {
  std::vector<uint32_t> out(1);
  for (const char c : text) {
    if (c == '.') out.push_back(0);
    if (c != '.') out.back() = out.back() * 10 + static_cast<uint32_t>(c - '0');
  }
  return out;
}

}  // namespace

Task<Result<std::unique_ptr<OpenedBlob>>> OpenedBlob::open(const Services& services, store::AccountId account,
                                                           BlobId id) {
  if (id.kind == BlobId::Kind::upload) {
    if (services.uploads == nullptr) co_return fail(FaultKind::not_found, "there is no such blob");
    Result<uploads::Upload> upload = co_await services.uploads->find(account, id.id);
    if (!upload) co_return std::unexpected(upload.error());
    std::unique_ptr<OpenedBlob> made(new OpenedBlob(services, LetterSource(services, account, *upload)));
    made->size_ = upload->size;
    made->type_ = upload->type;
    co_return made;
  }
  Result<catalog::Position> now = co_await services.catalog.refresh(account);
  if (!now) co_return std::unexpected(now.error());
  std::vector<catalog::EmailId> wanted{id.id};
  const bool part = id.kind == BlobId::Kind::part;
  Result<std::vector<Letter>> letters = co_await read_letters(services, account, std::move(wanted), part);
  if (!letters) co_return std::unexpected(letters.error());
  if (letters->empty()) co_return fail(FaultKind::not_found, "there is no such letter");
  const store::Entry& entry = letters->front().entry();
  std::unique_ptr<OpenedBlob> out(new OpenedBlob(services, LetterSource(services, account, entry)));
  if (!part) {
    out->size_ = entry.size;
    out->type_ = "message/rfc822";
    co_return out;
  }
  Result<message::Summary> summary = message::decode(entry.summary);
  if (!summary) co_return std::unexpected(summary.error());
  out->summary_ = std::move(*summary);
  out->part_ = message::find_part(out->summary_, section_of(id.section));
  if (out->part_ == nullptr) co_return fail(FaultKind::not_found, "there is no such part");
  out->size_ = size_of(*out->part_);
  out->type_ = to_lower(out->part_->type) + "/" + to_lower(out->part_->subtype);
  co_return out;
}

PartReader OpenedBlob::reader() const {
  return part_ == nullptr ? PartReader(source_) : PartReader(source_, *part_);
}

Task<Result<LetterSource>> OpenedBlob::source(uint64_t most) const {
  LetterSource out = source_;
  if (part_ == nullptr) co_return out;
  const message::TransferDecoder decoder(message::transfer_encoding(part_->encoding));
  if (part_->is_multipart() || !decoder.changes()) {
    out.narrow(part_->body_begin, part_->body_end);
    co_return out;
  }
  std::string octets;
  PartReader pieces = reader();
  while (!pieces.done()) {
    Result<std::string> piece = co_await pieces.next();
    if (!piece) co_return std::unexpected(piece.error());
    octets += *piece;
    if (octets.size() > most) co_return fail(FaultKind::over_quota, "the blob is too large");
  }
  co_return LetterSource(services_, std::move(octets));
}

}  // namespace posthouse::access::jmap
