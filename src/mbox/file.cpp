#include "mbox/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "mbox/held.h"
#include "mbox/limits.h"

namespace posthouse::mbox {

namespace {

State state_of(const struct ::stat& info) {
  const auto nanoseconds = [](const timespec& time) {
    return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  return {true,
          static_cast<uint64_t>(info.st_size),
          nanoseconds(info.st_mtim),
          static_cast<uint64_t>(info.st_dev),
          static_cast<uint64_t>(info.st_ino),
          nanoseconds(info.st_ctim)};
}

// `kept`: an empty one waits for the next append.
bool has_journal(const std::string& journal_base, bool kept) {
  struct ::stat info = {};
  return ::lstat(journal_path(journal_base).c_str(), &info) == 0 && !(kept && info.st_size == 0);
}

// Whether what is open is still what the path names: another program may have put a new file there.
bool still_named(const std::string& path, const struct ::stat& open) {
  struct ::stat named = {};
  return ::lstat(path.c_str(), &named) == 0 && named.st_dev == open.st_dev && named.st_ino == open.st_ino;
}

}  // namespace

File::File(std::string path, FileOptions options) : path_(std::move(path)), options_(std::move(options)) {}

Result<State> File::state() const {
  struct ::stat info = {};
  if (::lstat(path_.c_str(), &info) < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return State{};
    return disk_fault(path_, errno);
  }
  if (!S_ISREG(info.st_mode)) return fail(FaultKind::policy, path_ + ": not a regular file");
  return state_of(info);
}

Result<Held> File::open(Access access) const {
  const SteadyTime until = options_.lock.clock->steady() + options_.lock.patience;
  for (;;) {
    auto held = try_open(access, until);
    if (held || held.error().kind != FaultKind::closed) return held;
    if (options_.lock.clock->steady() >= until)
      return fail(FaultKind::temporary, path_ + ": it is replaced again and again");
  }
}

// closed: the file was replaced meanwhile; try again.
Result<Held> File::try_open(Access access, SteadyTime until) const {
  auto impl = std::make_unique<HeldImpl>();
  impl->path = path_;
  impl->journal_base = options_.journal_base.empty() ? path_ : options_.journal_base;
  impl->options = options_;
  const bool writable = access == Access::write || has_journal(impl->journal_base, impl->keeps_journal());
  impl->writable = writable;
  const int flags = writable ? O_RDWR : O_RDONLY;
  auto fd = options_.disk->open(path_, flags, 0);
  if (!fd && fd.error().kind == FaultKind::not_found && access == Access::write) {
    fd = options_.disk->open(path_, flags | O_CREAT | O_EXCL, options_.mode);
    if (!fd && fd.error().kind == FaultKind::exists) return fail(FaultKind::closed, path_);
    if (fd) {
      impl->file = Handle(*fd);
      if (auto synced = options_.disk->sync_folder_of(path_); !synced) return std::unexpected(synced.error());
    }
  }
  if (!fd) return std::unexpected(fd.error());
  if (!impl->file) impl->file = Handle(*fd);
  if (auto regular = check_regular(*fd, path_); !regular) return std::unexpected(regular.error());
  if (writable) {
    auto dotlock = lock_for_writing(*fd, until, options_.lock, path_);
    if (!dotlock) return std::unexpected(dotlock.error());
    impl->dotlock = std::move(*dotlock);
  } else if (auto locked = lock_file(*fd, false, until, options_.lock, path_); !locked) {
    return std::unexpected(locked.error());
  }
  const auto info = check_regular(*fd, path_);
  if (!info) return std::unexpected(info.error());
  if (!still_named(path_, *info)) return fail(FaultKind::closed, path_);
  if (!writable && has_journal(impl->journal_base, impl->keeps_journal()))
    return fail(FaultKind::closed, path_);  // its writer crashed meanwhile
  if (writable) {
    if (auto recovered = impl->recover(); !recovered) return std::unexpected(recovered.error());
  }
  return Held(std::move(impl));
}

Held::Held(std::unique_ptr<HeldImpl> impl) : impl_(std::move(impl)) {}

Held::Held(Held&&) noexcept = default;

Held::~Held() {
  if (impl_ && impl_->pending)
    static_cast<void>(impl_->cut_back());  // a failure leaves the journal for the next
}

Result<State> Held::state() const {
  const auto info = impl_->info();
  if (!info) return std::unexpected(info.error());
  return state_of(*info);
}

namespace {

// Scans from `resume` to the end; `stop` ends it early.
Result<void> scan_range(const HeldImpl& held, const Scanner::Sink& sink, const Resume& resume,
                        const bool& stop) {
  const auto size = held.size();
  if (!size) return std::unexpected(size.error());
  if (resume.offset >= *size) return {};
  Scanner scanner(sink, held.end_check(), resume);
  constexpr const char* kStop = "stop";
  const auto read = held.read_range(resume.offset, *size, [&](std::string_view piece) -> Result<void> {
    if (stop) return fail(FaultKind::closed, kStop);
    return scanner.feed(piece);
  });
  if (stop) return {};
  if (!read) return std::unexpected(read.error());
  return scanner.finish();
}

// Notes in `known` what the next scan must know.
class Notes {
 public:
  Notes(const Scanner::Sink& sink, Known& known) : sink_(sink), known_(known) {}
  void take(Record&& record) {
    if (record.offset == 0) known_.base = record.base;
    known_.any = true;
    known_.uid_before_last = last_uid_;
    if (record.metadata.uid != 0) last_uid_ = record.metadata.uid;
    known_.last_offset = record.offset;
    known_.last_end = record.end;
    known_.last_raw = record.raw;
    sink_(std::move(record));
  }
  void set_last_uid(uint32_t uid) { last_uid_ = uid; }

 private:
  const Scanner::Sink& sink_;
  Known& known_;
  uint32_t last_uid_ = 0;
};

}  // namespace

Result<ScanResult> Held::scan(const Scanner::Sink& sink, const Known* known) {
  const auto now = state();
  if (!now) return std::unexpected(now.error());
  ScanResult result;
  result.known.state = *now;
  bool mismatch = false;
  if (known != nullptr && known->any && known->state.inode == now->inode &&
      known->state.device == now->device && now->size >= known->state.size) {
    const auto base = impl_->base();
    if (base && (base->has_value() == known->base.has_value()) &&
        (!base->has_value() || (*base)->validity == known->base->validity)) {
      Known next = *known;
      next.state = *now;
      next.base = *base;
      Notes notes(sink, next);
      bool first = true;
      const Resume resume{known->last_offset, *base, known->uid_before_last};
      const auto check = [&](Record&& record) {
        if (!std::exchange(first, false)) return mismatch ? void() : notes.take(std::move(record));
        mismatch = record.raw != known->last_raw || record.end != known->last_end;
        notes.set_last_uid(record.metadata.uid != 0 ? record.metadata.uid : known->uid_before_last);
      };
      auto scanned = scan_range(*impl_, check, resume, mismatch);
      if (!scanned && scanned.error().kind != FaultKind::syntax) return std::unexpected(scanned.error());
      if (scanned && !mismatch && !first) return ScanResult{true, next};
    }
  }
  Notes notes(sink, result.known);
  const bool never = false;
  const auto scanned =
      scan_range(*impl_, [&](Record&& record) { notes.take(std::move(record)); }, Resume{}, never);
  if (!scanned) return fail(scanned.error().kind, impl_->path + ": " + scanned.error().what);
  return result;
}

Result<State> Held::scan_around(const Scanner::Sink& sink) const {
  const auto now = state();
  if (!now) return now;
  Scanner scanner(sink, impl_->end_check());
  const auto read = impl_->read_range_around(
      0, now->size, [&](std::string_view piece) -> Result<void> { return scanner.feed(piece); });
  if (!read) return std::unexpected(read.error());
  if (auto done = scanner.finish(); !done) return std::unexpected(done.error());
  return now;
}

bool Held::has_moved() const {
  return impl_->has_moved;
}

Result<std::optional<Base>> Held::base() const {
  return impl_->base();
}

Result<void> Held::scan_end(uint64_t octets, const Scanner::Sink& sink) const {
  const auto size = impl_->size();
  if (!size) return std::unexpected(size.error());
  const auto start = impl_->record_from(*size - std::min(*size, octets), *size);
  if (!start) return std::unexpected(start.error());
  const bool never = false;
  return scan_range(*impl_, sink, Resume{*start, {}, 0}, never);
}

Result<Known> Held::renew(const Known& known) {
  const auto now = state();
  if (!now) return std::unexpected(now.error());
  const auto base = impl_->base();
  if (!base) return std::unexpected(base.error());
  Known next = known;
  next.state = *now;
  next.base = *base;
  if (!known.any) return next;
  std::optional<Record> last;
  const auto take = [&](Record&& record) { last = std::move(record); };
  const bool never = false;
  const auto scanned =
      scan_range(*impl_, take, Resume{known.last_offset, *base, known.uid_before_last}, never);
  if (!scanned) return std::unexpected(scanned.error());
  if (!last || last->offset != known.last_offset || last->end != known.last_end)
    return fail(FaultKind::temporary, impl_->path + ": its last message is not the one that was known");
  next.last_raw = last->raw;
  return next;
}

Result<Reader> Held::reader(const Record& record) {
  const auto head = impl_->head_at(record.offset);
  if (!head) return std::unexpected(head.error());
  if (head->start != record.start)
    return fail(FaultKind::not_found, impl_->path + ": the message is elsewhere");
  return Reader(*impl_, record);
}

Reader::Reader(const HeldImpl& held, Record record)
    : held_(&held), record_(std::make_shared<const Record>(std::move(record))) {
  restart();
}

void Reader::restart() {
  decoder_ = std::make_unique<Decoder>(*record_);
  position_ = 0;
  decoded_.clear();
}

Result<void> Reader::advance() {
  const uint64_t left = record_->end - decoder_->offset();
  const auto piece = held_->disk().read(held_->file.get(), decoder_->offset(),
                                        static_cast<size_t>(std::min<uint64_t>(left, kPiece)));
  if (!piece) return std::unexpected(piece.error());
  if (piece->empty()) return fail(FaultKind::io, held_->path + ": it became shorter while it was read");
  decoder_->write(*piece, decoded_);
  return {};
}

Result<std::string> Reader::read(uint64_t offset, size_t length) {
  if (offset < position_) restart();
  while (!decoder_->done() && position_ + decoded_.size() < offset + length) {
    if (auto more = advance(); !more) return std::unexpected(more.error());
    const uint64_t passed = std::min<uint64_t>(offset - std::min(offset, position_), decoded_.size());
    decoded_.erase(0, passed);
    position_ += passed;
  }
  const uint64_t skip = std::min<uint64_t>(offset - position_, decoded_.size());
  decoded_.erase(0, skip);
  position_ += skip;
  if (position_ < offset) return std::string();
  std::string bytes = decoded_.substr(0, length);
  decoded_.erase(0, bytes.size());
  position_ += bytes.size();
  return bytes;
}

}  // namespace posthouse::mbox
