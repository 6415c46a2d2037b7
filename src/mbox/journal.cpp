#include "mbox/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include "mbox/limits.h"

namespace posthouse::mbox {

namespace {

constexpr std::string_view kMagic = "PHMBOXJ1";
constexpr size_t kBoot = 40;
constexpr size_t kHead = 8 + 11 * 8 + kBoot;
constexpr size_t kSegmentHead = 16;
constexpr size_t kTrailer = 16;
constexpr uint64_t kEndMark = UINT64_MAX;

void put64(std::string& out, uint64_t value) {
  for (int i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i));
}

uint64_t get64(std::string_view bytes, size_t at) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i)
    value |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return value;
}

std::optional<JournalHead> decode(std::string_view bytes) {
  if (bytes.size() < kHead || !bytes.starts_with(kMagic)) return std::nullopt;
  const auto field = [&](size_t i) { return get64(bytes, 8 + 8 * i); };
  JournalHead head;
  if (field(0) != 1 && field(0) != 2) return std::nullopt;
  head.kind = static_cast<JournalKind>(field(0));
  head.device = field(1);
  head.inode = field(2);
  head.old_size = field(3);
  head.new_size = field(4);
  head.guard_from = field(5);
  head.guard_length = field(6);
  head.guard = {field(7), field(8)};
  head.cut = {field(9), field(10)};
  const std::string_view boot = bytes.substr(kHead - kBoot, kBoot);
  head.boot = std::string(boot.substr(0, std::min(boot.find('\0'), boot.size())));
  return head;
}

std::string new_name(const std::string& mbox) {
  return journal_path(mbox) + ".new";
}

std::string trailer(const Hash& hash) {
  std::string out;
  for (uint64_t half : hash.digest()) put64(out, half);
  return out;
}

// Adds `length` octets at `at` to the hash; false when they are not there.
Result<bool> hash_octets(Disk& disk, int fd, uint64_t at, uint64_t length, Hash& hash) {
  while (length > 0) {
    const auto piece = disk.read(fd, at, static_cast<size_t>(std::min<uint64_t>(length, kPiece)));
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) return false;
    hash.update(*piece);
    at += piece->size();
    length -= piece->size();
  }
  return true;
}

// Finds the segments and checks the checksum over all; false when something is missing or wrong.
Result<bool> read_segments(Disk& disk, Journal& journal) {
  Hash hash;
  const int fd = journal.file.get();
  if (auto head = hash_octets(disk, fd, 0, kHead, hash); !head || !*head) return head;
  uint64_t at = kHead;
  for (;;) {
    const auto mark = disk.read(fd, at, kSegmentHead);
    if (!mark) return std::unexpected(mark.error());
    if (mark->size() < kSegmentHead) return false;
    hash.update(*mark);
    at += kSegmentHead;
    const Segment segment{get64(*mark, 0), get64(*mark, 8), at};
    if (segment.offset == kEndMark) break;
    if (journal.segments.size() >= kMaxSegments) return false;
    if (auto data = hash_octets(disk, fd, at, segment.length, hash); !data || !*data) return data;
    at += segment.length;
    journal.segments.push_back(segment);
  }
  const auto sum = disk.read(fd, at, kTrailer);
  if (!sum) return std::unexpected(sum.error());
  return *sum == trailer(hash);
}

}  // namespace

std::string encode(const JournalHead& head) {
  std::string out(kMagic);
  for (uint64_t value :
       {static_cast<uint64_t>(head.kind), head.device, head.inode, head.old_size, head.new_size,
        head.guard_from, head.guard_length, head.guard[0], head.guard[1], head.cut[0], head.cut[1]}) {
    put64(out, value);
  }
  std::string boot = head.boot.substr(0, kBoot);
  boot.resize(kBoot, '\0');
  return out + boot;
}

std::string journal_path(const std::string& mbox) {
  return mbox + ".posthouse-journal";
}

JournalWriter::JournalWriter(Disk& disk, std::string mbox, Handle file, JournalHead head)
    : disk_(&disk), mbox_(std::move(mbox)), file_(std::move(file)) {
  journal_.head = std::move(head);
}

Result<JournalWriter> JournalWriter::create(Disk& disk, const std::string& mbox, const JournalHead& head) {
  const std::string name = new_name(mbox);
  ::unlink(name.c_str());  // of a writer that never finished: it told nobody
  const auto fd = disk.open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (!fd) return std::unexpected(fd.error());
  JournalWriter writer(disk, mbox, Handle(*fd), head);
  if (auto put = writer.put(encode(head)); !put) return std::unexpected(put.error());
  return writer;
}

JournalWriter::~JournalWriter() {
  if (file_ && !finished_) ::unlink(new_name(mbox_).c_str());
}

Result<void> JournalWriter::put(std::string_view bytes) {
  hash_.update(bytes);
  buffer_ += bytes;
  return buffer_.size() < kPiece ? Result<void>() : flush();
}

Result<void> JournalWriter::flush() {
  const auto written = disk_->write(file_.get(), position_, buffer_);
  position_ += buffer_.size();
  buffer_.clear();
  return written;
}

Result<void> JournalWriter::segment(uint64_t offset, uint64_t length) {
  std::string mark;
  put64(mark, offset);
  put64(mark, length);
  const uint64_t at = position_ + buffer_.size() + mark.size();
  journal_.segments.push_back({offset, length, at});
  return put(mark);
}

Result<void> JournalWriter::data(std::string_view bytes) {
  return put(bytes);
}

Result<Journal> JournalWriter::finish() {
  std::string mark;
  put64(mark, kEndMark);
  put64(mark, 0);
  Result<void> step = put(mark);
  const std::string sum = trailer(hash_);
  if (step) step = put(sum);
  if (step) step = flush();
  if (step) step = disk_->sync(file_.get());
  if (step) step = disk_->rename(new_name(mbox_), journal_path(mbox_));
  if (!step) return std::unexpected(step.error());
  finished_ = true;
  if (auto synced = disk_->sync_folder_of(mbox_); !synced) {
    static_cast<void>(discard_journal(*disk_, mbox_, false));
    return std::unexpected(synced.error());
  }
  journal_.file = std::move(file_);
  return std::move(journal_);
}

Result<Handle> begin_append_journal(Disk& disk, const std::string& mbox, const JournalHead& head) {
  const std::string name = journal_path(mbox);
  const auto fd = disk.open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!fd) return std::unexpected(fd.error());
  Handle file(*fd);
  Result<void> step = disk.write(*fd, 0, encode(head));
  if (step && head.boot.empty()) step = disk.sync(*fd);
  if (step && head.boot.empty()) step = disk.sync_folder_of(mbox);
  if (step) return file;
  static_cast<void>(disk.remove(name));
  return std::unexpected(step.error());
}

Result<Handle> open_empty_journal(Disk& disk, const std::string& mbox) {
  const std::string name = journal_path(mbox);
  const auto fd = disk.open(name, O_RDWR, 0);
  if (!fd) {
    if (fd.error().kind == FaultKind::not_found) return Handle();
    return std::unexpected(fd.error());
  }
  Handle file(*fd);
  const auto info = check_regular(*fd, name);
  if (!info) return std::unexpected(info.error());
  const bool empty_and_ours = info->st_size == 0 && info->st_uid == ::geteuid();
  if (empty_and_ours) ::unlink(new_name(mbox).c_str());  // of a rewrite that never began
  return empty_and_ours ? std::move(file) : Handle();
}

Result<std::optional<Journal>> read_journal(Disk& disk, const std::string& mbox) {
  const std::string name = journal_path(mbox);
  const auto fd = disk.open(name, O_RDONLY, 0);
  if (!fd) {
    if (fd.error().kind == FaultKind::not_found) return std::nullopt;
    return std::unexpected(fd.error());
  }
  Journal journal;
  journal.file = Handle(*fd);
  const auto info = check_regular(*fd, name);
  if (!info) return std::unexpected(info.error());
  if (info->st_uid != ::geteuid()) return fail(FaultKind::policy, name + ": it belongs to somebody else");
  const auto bytes = disk.read(*fd, 0, kHead);
  if (!bytes) return std::unexpected(bytes.error());
  const auto head = decode(*bytes);
  if (!head) return std::nullopt;
  journal.head = *head;
  if (head->kind == JournalKind::rewrite) {
    const auto whole = read_segments(disk, journal);
    if (!whole) return std::unexpected(whole.error());
    if (!*whole) return std::nullopt;
  }
  return std::optional<Journal>(std::move(journal));
}

Result<void> discard_journal(Disk& disk, const std::string& mbox, bool durable) {
  ::unlink(new_name(mbox).c_str());
  const std::string name = journal_path(mbox);
  if (durable) {
    const auto fd = disk.open(name, O_WRONLY, 0);
    if (!fd) return fd.error().kind == FaultKind::not_found ? Result<void>() : std::unexpected(fd.error());
    const Handle file(*fd);
    if (auto cut = disk.resize(*fd, 0); !cut) return cut;
    if (auto synced = disk.sync(*fd); !synced) return synced;
  }
  const auto removed = disk.remove(name);
  if (!removed && removed.error().kind != FaultKind::not_found) return removed;
  return {};
}

}  // namespace posthouse::mbox
