#include "store/flag_sheets.h"

#include <algorithm>

#include "store/limits.h"

namespace posthouse::store {

FlagSheet::Mark mark_of(Uid uid, const FlagRow& row) {
  using Logged = FlagSheet::Logged;
  const Logged alone = row.modseq == row.created ? Logged::not_at_all : Logged::alone;
  return {row.modseq, uid, 0, row.system, row.shares ? Logged::shared : alone};
}

FlagSheet::Pages::const_iterator FlagSheet::page_of(Uid uid) const {
  return std::ranges::partition_point(
      pages_, [uid](const std::shared_ptr<const Page>& page) { return page->back().uid < uid; });
}

FlagSheet::Page::const_iterator FlagSheet::place_in(const Page& page, Uid uid) {
  return std::ranges::partition_point(page, [uid](const Mark& mark) { return mark.uid < uid; });
}

namespace {

size_t bytes_of(const FlagSheet::KeywordSet& set) {
  size_t bytes = set.numbers.size();
  for (const std::string& name : set.names) bytes += sizeof(std::string) + name.size();
  return bytes;
}

}  // namespace

FlagSheetWriter::FlagSheetWriter(const KeywordTable& table)
    : table_(table), sets_(std::make_shared<FlagSheet::Sets>(1)) {
  numbers_.emplace(std::vector<uint8_t>(), 0);
}

FlagSheetWriter::FlagSheetWriter(const FlagSheet& old, const KeywordTable& table)
    : table_(table),
      old_(&old),
      from_page_(old.pages_.begin()),
      sets_(std::make_shared<FlagSheet::Sets>(*old.sets_)) {
  for (size_t i = 0; i < sets_->size(); ++i) {
    numbers_.emplace((*sets_)[i].numbers, static_cast<uint16_t>(i));
    name_bytes_ += bytes_of((*sets_)[i]);
  }
}

std::optional<uint16_t> FlagSheetWriter::set_number(const std::vector<uint8_t>& keywords) {
  if (keywords.empty()) return 0;
  const auto known = numbers_.find(keywords);
  if (known != numbers_.end()) return known->second;
  if (sets_->size() == kSheetKeywordSets) return std::nullopt;
  const auto number = static_cast<uint16_t>(sets_->size());
  FlagSheet::KeywordSet set{keywords, table_.flags(0, keywords).keywords};
  if (name_bytes_ + bytes_of(set) > kSheetKeywordBytes) return std::nullopt;
  name_bytes_ += bytes_of(set);
  sets_->push_back(std::move(set));
  numbers_.emplace(keywords, number);
  return number;
}

bool FlagSheetWriter::put(Uid uid, const FlagRow& row) {
  const std::optional<uint16_t> set = set_number(row.keywords);
  if (!set) return false;
  FlagSheet::Mark mark = mark_of(uid, row);
  mark.keywords = *set;
  put(mark);
  return true;
}

void FlagSheetWriter::put(const FlagSheet::Mark& mark) {
  remove(mark.uid);
  add(mark);
}

void FlagSheetWriter::remove(Uid uid) {
  catch_up(uid);
  if (old_ == nullptr || from_page_ == old_->pages_.end()) return;
  if ((**from_page_)[from_].uid != uid) return;
  if (++from_ == (*from_page_)->size()) {
    ++from_page_;
    from_ = 0;
  }
}

void FlagSheetWriter::catch_up(Uid uid) {
  if (old_ == nullptr) return;
  for (; from_page_ != old_->pages_.end(); ++from_page_, from_ = 0) {
    const FlagSheet::Page& page = **from_page_;
    // One that has become small is filled up with what comes behind it.
    const bool whole = from_ == 0 && page.back().uid < uid && page.size() >= kSheetPage / 2;
    if (whole) {
      end_page();
      out_.size_ += page.size();
      out_.pages_.push_back(*from_page_);
      continue;
    }
    for (; from_ < page.size(); ++from_) {
      if (page[from_].uid >= uid) return;
      add(page[from_]);
    }
  }
}

void FlagSheetWriter::add(const FlagSheet::Mark& mark) {
  if (page_.empty()) page_.reserve(kSheetPage);
  page_.push_back(mark);
  if (page_.size() == kSheetPage) end_page();
}

void FlagSheetWriter::end_page() {
  if (page_.empty()) return;
  page_.shrink_to_fit();
  out_.size_ += page_.size();
  out_.pages_.push_back(std::make_shared<const FlagSheet::Page>(std::exchange(page_, {})));
}

std::shared_ptr<const FlagSheet> FlagSheetWriter::finish(uint32_t uid_validity, ModSeq modseq) {
  // All that is left; there is no UID behind the largest.
  if (old_ != nullptr) {
    catch_up(UINT32_MAX);
    if (from_page_ != old_->pages_.end()) add((**from_page_)[from_]);
  }
  end_page();
  out_.uid_validity_ = uid_validity;
  out_.modseq_ = modseq;
  out_.sets_ = std::move(sets_);
  return std::make_shared<const FlagSheet>(std::move(out_));
}

Result<std::shared_ptr<const FlagSheet>> read_sheet(const AccountView& view, const MailboxInfo& info) {
  const Result<KeywordTable> table = view.keywords(info.id);
  if (!table) return std::unexpected(table.error());
  FlagSheetWriter writer(*table);
  bool fits = true;
  const Result<void> read = view.for_each(
      info.id, 0, UINT32_MAX, [&](Uid uid, const FlagRow& row) { return fits = writer.put(uid, row); });
  if (!read) return std::unexpected(read.error());
  if (!fits) return nullptr;
  return writer.finish(info.uid_validity, info.highest_modseq);
}

Result<std::shared_ptr<const FlagSheet>> refresh(const AccountView& view, const MailboxInfo& info,
                                                 std::shared_ptr<const FlagSheet> old) {
  if (old->uid_validity() != info.uid_validity || old->modseq() > info.highest_modseq) return nullptr;
  if (old->modseq() == info.highest_modseq) return old;
  std::vector<std::pair<Uid, std::optional<FlagRow>>> news;
  Changes changes;
  const Result<void> read = view.news(info, old->modseq(), changes,
                                      [&](Uid uid, const FlagRow& row) { news.emplace_back(uid, row); });
  if (!read) return std::unexpected(read.error());
  if (changes.forgetful) return nullptr;
  const Result<KeywordTable> table = view.keywords(info.id);
  if (!table) return std::unexpected(table.error());
  for (const Uid uid : changes.vanished) news.emplace_back(uid, std::nullopt);
  std::ranges::sort(news, {}, &std::pair<Uid, std::optional<FlagRow>>::first);
  FlagSheetWriter writer(*old, *table);
  for (const auto& [uid, row] : news) {
    if (!row) {
      writer.remove(uid);
    } else if (!writer.put(uid, *row)) {
      return nullptr;
    }
  }
  std::shared_ptr<const FlagSheet> now = writer.finish(info.uid_validity, info.highest_modseq);
  // Else it does not fit the mailbox, as its rows are damaged.
  if (now->size() != info.exists) return nullptr;
  return now;
}

}  // namespace posthouse::store
