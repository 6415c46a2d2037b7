#include "maildir/writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "maildir/folder_impl.h"
#include "maildir/limits.h"

namespace posthouse::maildir {

Writer::Writer(Folder folder, Folder::Folders folders, std::string tmp_name, File file)
    : folder_(std::move(folder)),
      folders_(std::make_unique<Folder::Folders>(std::move(folders))),
      tmp_name_(std::move(tmp_name)),
      file_(std::move(file)) {}

Writer::Writer(Writer&& other) noexcept
    : folder_(std::move(other.folder_)),
      folders_(std::move(other.folders_)),
      tmp_name_(std::exchange(other.tmp_name_, {})),
      file_(std::move(other.file_)),
      line_ends_(other.line_ends_),
      buffer_(std::move(other.buffer_)),
      fault_(std::move(other.fault_)),
      prepared_(other.prepared_) {}

Writer::~Writer() {
  abandon();
}

void Writer::abandon() {
  if (folders_ && !tmp_name_.empty()) ::unlinkat(folders_->tmp.fd(), tmp_name_.c_str(), 0);
  tmp_name_.clear();
  file_.close();
}

Result<Writer> Writer::open(const Folder& folder, std::string tmp_name) {
  if (!is_usable_base(tmp_name)) return fail(FaultKind::syntax, "not a name for a file in tmp/");
  Result<Folder::Folders> folders = folder.open();
  if (!folders) return std::unexpected(folders.error());
  Result<File> file = create_file_in(folders->tmp.fd(), tmp_name);
  if (!file) return std::unexpected(file.error());
  return Writer(folder, std::move(*folders), std::move(tmp_name), std::move(*file));
}

Result<void> Writer::append(std::string_view bytes) {
  while (!bytes.empty() && !fault_) {
    const std::string_view piece = bytes.substr(0, kWriteBuffer);
    line_ends_.convert(piece, buffer_);
    bytes.remove_prefix(piece.size());
    if (buffer_.size() < kWriteBuffer) continue;
    if (Result<void> written = write_out(); !written) return written;
  }
  return fault_ ? std::unexpected(*fault_) : Result<void>{};
}

Result<void> Writer::write_out() {
  Result<void> written = write_all(file_.fd(), buffer_, tmp_name_);
  buffer_.clear();
  if (!written) fault_ = written.error();
  return written;
}

// All of the message in its file, with its date.
Result<void> Writer::finish_file(const Commit& commit, Sync sync) {
  if (!fault_) {
    line_ends_.finish(buffer_);
    (void)write_out();
  }
  if (fault_) return std::unexpected(*fault_);
  if (commit.date) {
    const int64_t time = commit.date->time_since_epoch().count();
    const int64_t second = time >= 0 ? time / 1000 : (time - 999) / 1000;
    const timespec date{static_cast<time_t>(second), static_cast<long>(time - second * 1000) * 1'000'000};
    const timespec times[2] = {date, date};
    if (::futimens(file_.fd(), times) != 0) return os_fault("set the time of", tmp_name_);
  }
  return sync == Sync::now ? flush(file_.fd(), tmp_name_) : Result<void>();
}

Result<void> Writer::prepare(const Commit& commit) {
  if (prepared_ || tmp_name_.empty()) return fail(FaultKind::permanent, "prepared already");
  Result<void> finished = finish_file(commit, Sync::later);
  if (!finished) fault_ = finished.error();
  prepared_ = finished.has_value();
  file_.close();
  return finished;
}

Result<std::optional<Committed>> Writer::find_earlier(const Commit& commit) {
  Result<Place> place = folder_.find(commit.unique);
  if (!place && place.error().kind != FaultKind::not_found) return std::unexpected(place.error());
  if (!place) return std::nullopt;
  // Whoever was interrupted may not have come to this.
  if (Result<void> flushed = folder_.sync(); !flushed) return std::unexpected(flushed.error());
  return Committed{parse_name(place->file).base, std::move(*place), true};
}

Result<Committed> Writer::place(const Commit& commit) {
  Committed done;
  const bool whole = commit.unique.find(',') != std::string::npos;
  done.base = whole ? commit.unique : base_with_sizes(commit.unique, size(), crlf_size());
  if (!is_usable_base(done.base)) return fail(FaultKind::syntax, "not a name for a message");
  const bool current = commit.where == Where::current || !commit.marks.empty();
  done.place = {current ? Where::current : Where::fresh, done.base};
  if (current) done.place.file = format_name({.stem = done.base, .marks = commit.marks});
  const int to = folders_->of(done.place.where);
  if (rename_in(folders_->tmp.fd(), tmp_name_, to, done.place.file) != 0) {
    return os_fault("rename to", done.place.file);
  }
  tmp_name_.clear();
  if (commit.sync == Sync::now) {
    if (Result<void> flushed = flush(to, folder_.path()); !flushed) return std::unexpected(flushed.error());
  }
  return done;
}

Result<Committed> Writer::commit(const Commit& commit) {
  if (!is_usable_base(commit.unique)) return fail(FaultKind::syntax, "not a name for a message");
  if (fault_) return std::unexpected(*fault_);
  if (tmp_name_.empty()) return fail(FaultKind::permanent, "committed already");
  if (commit.again) {
    Result<std::optional<Committed>> earlier = find_earlier(commit);
    if (!earlier) return std::unexpected(earlier.error());
    if (*earlier) {
      abandon();
      return std::move(**earlier);
    }
  }
  const Result<void> finished = prepared_ ? Result<void>() : finish_file(commit, Sync::now);
  Result<Committed> done = finished ? place(commit) : std::unexpected(finished.error());
  if (!done) fault_ = done.error();
  file_.close();
  return done;
}

}  // namespace posthouse::maildir
