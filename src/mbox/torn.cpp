// What a power cut left of an append that nobody announced.
#include <algorithm>

#include "mbox/held.h"
#include "mbox/limits.h"

namespace posthouse::mbox {

namespace {

// Whether a disk that was to hold `written` may hold `found` instead.
bool is_left_of(char found, char written) {
  return found == written || found == '\0';
}

// Lays what would be written beside the end of the file, from `from` on.
class EndOfFile {
 public:
  EndOfFile(const HeldImpl& held, uint64_t from, uint64_t size) : held_(held), at_(from), size_(size) {}

  Result<void> compare(std::string_view written) {
    const auto length = static_cast<size_t>(std::min<uint64_t>(written.size(), size_ - at_));
    torn_ = torn_ || length < written.size();
    if (!fits_ || length == 0) return {};
    const auto found = held_.disk().read(held_.file.get(), at_, length);
    if (!found) return std::unexpected(found.error());
    at_ += length;
    torn_ = torn_ || *found != written.substr(0, length);
    fits_ = std::ranges::equal(*found, written.substr(0, length), is_left_of);
    return {};
  }
  // All of it is of what would be written, and something is missing.
  bool is_torn() const { return fits_ && torn_ && at_ == size_; }

 private:
  const HeldImpl& held_;
  uint64_t at_;
  uint64_t size_;
  bool fits_ = true;
  bool torn_ = false;
};

Result<void> write(const Letter& letter, const Source& source, bool first, const PutText& put) {
  std::string first_octets;
  if (auto head = put(record_head(letter, first)); !head) return head;
  const auto written = write_message(put, source, first_octets);
  return written ? put("\n") : std::unexpected(written.error());
}

bool ends_message(std::string_view before) {
  return before.empty() || before.ends_with("\n\n") || before.ends_with("\n\r\n");
}

// Where the record may begin, of which the file's last octets from `from` on are a part.
Result<std::vector<uint64_t>> find_starts(const HeldImpl& held, const Letter& letter, uint64_t from,
                                          uint64_t size) {
  constexpr size_t kBefore = 3;  // what ends_message() looks at
  const std::string heads[] = {record_head(letter, false), record_head(letter, true)};
  std::vector<uint64_t> found;
  for (uint64_t at = from; at < size; at += kPiece) {
    const size_t before = std::min<uint64_t>(at, kBefore);
    const auto text = held.disk().read(held.file.get(), at - before, before + kPiece + heads[1].size());
    if (!text) return std::unexpected(text.error());
    const size_t end = std::min(text->size(), before + kPiece);
    for (size_t i = before; i < end; ++i) {
      const std::string& head = heads[at - before + i == 0 ? 1 : 0];
      const std::string_view there = std::string_view(*text).substr(i, head.size());
      if (!ends_message(std::string_view(*text).substr(0, i))) continue;
      if (!std::ranges::equal(there, std::string_view(head).substr(0, there.size()), is_left_of)) continue;
      found.push_back(at - before + i);
      if (found.size() == kMaxTornStarts) return found;
    }
  }
  return found;
}

}  // namespace

Result<bool> Held::cut_torn(const Letter& letter, const std::function<Source()>& source) {
  const auto size = impl_->size();
  if (!size) return std::unexpected(size.error());
  uint64_t whole = 0;
  const auto measured = write(letter, source(), true, [&](std::string_view text) -> Result<void> {
    whole += text.size();
    return {};
  });
  if (!measured) return std::unexpected(measured.error());
  const auto starts = find_starts(*impl_, letter, *size - std::min(*size, whole), *size);
  if (!starts) return std::unexpected(starts.error());
  for (const uint64_t start : *starts) {
    EndOfFile end(*impl_, start, *size);
    const auto compared =
        write(letter, source(), start == 0, [&](std::string_view text) { return end.compare(text); });
    if (!compared) return std::unexpected(compared.error());
    if (!end.is_torn()) continue;
    impl_->first_head.reset();
    if (auto cut = impl_->disk().resize(impl_->file.get(), start); !cut) return std::unexpected(cut.error());
    if (auto synced = impl_->disk().sync(impl_->file.get()); !synced) return std::unexpected(synced.error());
    return true;
  }
  return false;
}

}  // namespace posthouse::mbox
