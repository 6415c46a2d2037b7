#include "store/sources.h"

#include <algorithm>
#include <utility>

#include "store/account_view.h"
#include "store/message_records.h"

namespace posthouse::store {

std::vector<Uid> uids_of(const std::vector<Source>& messages) {
  std::vector<Uid> uids;
  uids.reserve(messages.size());
  for (const Source& message : messages) uids.push_back(message.uid);
  return uids;
}

Result<std::vector<Source>> read_sources(const engine::Reader& reader, AccountId account, MailboxId mailbox,
                                         const std::vector<Uid>& rising, bool with_record) {
  std::vector<Source> found;
  found.reserve(rising.size());
  Result<void> seen =
      AccountView(reader, account).for_these(mailbox, rising, [&](Uid uid, const FlagRow& row) {
        found.push_back({uid, row, std::string()});
      });
  if (!seen) return std::unexpected(seen.error());
  if (!with_record) return found;
  auto next = found.begin();
  seen = for_record_rows(reader, account, mailbox, uids_of(found), [&](Uid uid, std::string_view record) {
    while (next->uid != uid) ++next;
    next->record = record;
  });
  if (!seen) return std::unexpected(seen.error());
  std::erase_if(found, [](const Source& source) { return source.record.empty(); });
  return found;
}

std::vector<std::vector<Uid>> cut_parts(std::vector<Uid> uids, size_t size) {
  std::ranges::sort(uids);
  uids.erase(std::unique(uids.begin(), uids.end()), uids.end());
  std::vector<std::vector<Uid>> parts;
  for (size_t at = 0; at < uids.size(); at += size) {
    const auto begin = uids.begin() + static_cast<ptrdiff_t>(at);
    parts.emplace_back(begin, begin + static_cast<ptrdiff_t>(std::min(size, uids.size() - at)));
  }
  return parts;
}

SourceParts::SourceParts(engine::Engine& engine, AccountId account, MailboxId mailbox, std::vector<Uid> uids,
                         size_t size)
    : engine_(engine), account_(account), mailbox_(mailbox), parts_(cut_parts(std::move(uids), size)) {
  if (parts_.empty()) parts_.emplace_back();
}

SourceParts::Reading SourceParts::begin(size_t part) const {
  Reading begun;
  engine_.begin_read(
      [begun, account = account_, mailbox = mailbox_, uids = parts_[part]](const engine::Reader& reader) {
        begun.give(read_sources(reader, account, mailbox, uids, true));
      });
  return begun;
}

Task<Result<std::vector<Source>>> SourceParts::read() {
  const bool was_begun = ahead_ && begun_ == at_;
  const Reading mine = was_begun ? *std::exchange(ahead_, std::nullopt) : begin(at_);
  Result<std::vector<Source>> found = co_await mine.take();
  if (!ahead_ && at_ + 1 < parts_.size()) {
    begun_ = at_ + 1;
    ahead_ = begin(begun_);
  }
  co_return found;
}

}  // namespace posthouse::store
