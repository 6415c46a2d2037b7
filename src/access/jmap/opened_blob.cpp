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

Task<Result<std::unique_ptr<OpenedBlob>>> OpenedBlob::open_upload(const Services& services,
                                                                  store::AccountId account, BlobId id) {
  if (services.uploads == nullptr) co_return fail(FaultKind::not_found, "there is no such blob");
  Result<uploads::Upload> upload = co_await services.uploads->find(account, id.id);
  if (!upload) co_return std::unexpected(upload.error());
  std::unique_ptr<OpenedBlob> out(new OpenedBlob(services, LetterSource(services, account, *upload)));
  out->size_ = upload->size;
  out->type_ = upload->type;
  if (id.section.empty()) co_return out;
  Result<message::Summary> summary = co_await summarize(out->source_);
  if (!summary) co_return std::unexpected(summary.error());
  out->summary_ = std::move(*summary);
  Result<void> found = out->choose(id.section);
  if (!found) co_return std::unexpected(found.error());
  co_return out;
}

Task<Result<std::unique_ptr<OpenedBlob>>> OpenedBlob::open(const Services& services, store::AccountId account,
                                                           BlobId id) {
  if (id.kind == BlobId::Kind::upload) co_return co_await open_upload(services, account, std::move(id));
  Result<catalog::Position> now = co_await services.catalog.refresh(account);
  if (!now) co_return std::unexpected(now.error());
  std::vector<catalog::EmailId> wanted{id.id};
  const bool part = !id.section.empty();
  Result<std::vector<Letter>> letters = co_await read_letters(services, account, std::move(wanted), part);
  if (!letters) co_return std::unexpected(letters.error());
  if (letters->empty()) co_return fail(FaultKind::not_found, "there is no such letter");
  const store::Entry& entry = letters->front().entry();
  std::unique_ptr<OpenedBlob> out(new OpenedBlob(services, LetterSource(services, account, entry)));
  out->size_ = entry.size;
  out->type_ = "message/rfc822";
  if (!part) co_return out;
  Result<message::Summary> summary = message::decode(entry.summary);
  if (!summary) co_return std::unexpected(summary.error());
  out->summary_ = std::move(*summary);
  Result<void> found = out->choose(id.section);
  if (!found) co_return std::unexpected(found.error());
  co_return out;
}

// From now on it is this part of the message.
Result<void> OpenedBlob::choose(std::string_view section) {
  part_ = message::find_part(summary_, section_of(section));
  if (part_ == nullptr) return fail(FaultKind::not_found, "there is no such part");
  size_ = size_of(*part_);
  type_ = to_lower(part_->type) + "/" + to_lower(part_->subtype);
  return {};
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
