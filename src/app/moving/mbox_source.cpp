// mbox files: one, or folders of them.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "app/moving/names.h"
#include "app/moving/source.h"
#include "base/ascii.h"
#include "maildir/file.h"
#include "mbox/limits.h"
#include "mbox/lock.h"
#include "mbox/scan.h"
#include "mbox/text.h"

namespace posthouse::app::moving {
namespace {

constexpr seconds kPatience{5};  // for programs that write to the file at the moment
constexpr std::string_view kOthers[] = {".lock", ".msf", ".dat", ".html", ".json", ".index", ".sqlite"};

std::string read_at(int fd, uint64_t offset, size_t length) {
  std::string out(length, '\0');
  size_t have = 0;
  while (have < length) {
    const ssize_t n = ::pread(fd, out.data() + have, length - have, static_cast<off_t>(offset + have));
    if (n <= 0) break;
    have += static_cast<size_t>(n);
  }
  out.resize(have);
  return out;
}

// A message as IMAP shows it. Going back starts again.
class Text {
 public:
  Text(int fd, const mbox::Record& record) : fd_(fd), record_(record) { restart(); }

  Result<std::string> read(uint64_t offset, size_t length) {
    if (offset < at_) restart();
    while (at_ + have_.size() < offset + length && !decoder_->done()) {
      if (at_ + have_.size() <= offset) {
        at_ += have_.size();
        have_.clear();
      }
      const uint64_t left = record_.end - decoder_->offset();
      const std::string piece = read_at(fd_, decoder_->offset(), std::min<uint64_t>(left, mbox::kPiece));
      if (piece.empty()) return fail(FaultKind::io, "the file can't be read to the end of the letter");
      decoder_->write(piece, have_);
    }
    if (offset >= at_ + have_.size()) return std::string();
    return have_.substr(offset - at_, length);
  }

 private:
  void restart() {
    decoder_.emplace(record_);
    at_ = 0;
    have_.clear();
  }

  int fd_;
  const mbox::Record& record_;
  std::optional<mbox::Decoder> decoder_;
  uint64_t at_ = 0;  // of the first byte of have_
  std::string have_;
};

store::FlagSet flags_of(const mbox::Metadata& metadata) {
  store::FlagSet out;
  const auto set = [&](bool on, uint8_t bit) {
    if (on) out.system = static_cast<uint8_t>(out.system | bit);
  };
  set(metadata.flags.seen, store::kSeen);
  set(metadata.flags.answered, store::kAnswered);
  set(metadata.flags.flagged, store::kFlagged);
  set(metadata.flags.deleted, store::kDeleted);
  set(metadata.flags.draft, store::kDraft);
  out.keywords = metadata.keywords;
  return out;
}

class Mboxes : public Source {
 public:
  Mboxes() { counts_bytes_ = true; }

  void take(const std::string& path, const std::string& name) {
    struct ::stat info{};
    if (::stat(path.c_str(), &info) != 0) return;
    mailboxes_.push_back({name, path, static_cast<uint64_t>(info.st_size)});
  }

  Result<void> find(const std::string& path, const std::string& name, int depth) {
    auto listing = list_folder(path);
    if (!listing) return std::unexpected(listing.error());
    for (const std::string& file : listing->files) {
      if (std::ranges::any_of(kOthers, [&](std::string_view end) { return file.ends_with(end); })) continue;
      std::string_view level(file);
      if (level.size() > 5 && level.ends_with(".mbox")) level.remove_suffix(5);
      std::string mailbox = below(name, level_of_file(level));
      if (!may_be_mbox(path + "/" + file)) {
        strange_.push_back(path + "/" + file + ": not an mbox");
        continue;
      }
      take(path + "/" + file, iequals(mailbox, "INBOX") ? "INBOX" : mailbox);
    }
    for (const std::string& folder : listing->folders) {
      if (depth == 0) break;
      std::string_view level(folder);
      if (level.size() > 4 && level.ends_with(".sbd")) level.remove_suffix(4);  // as Thunderbird has it
      auto found = find(path + "/" + folder, below(name, level_of_file(level)), depth - 1);
      if (!found) strange_.push_back(found.error().what);
    }
    return {};
  }

  Result<void> read(const SourceMailbox& mailbox, const Reading& reading) override {
    const maildir::File file(::open(mailbox.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) {
      reading.bad(mailbox.path, maildir::os_fault("open", mailbox.path).error());
      return {};
    }
    mbox::LockOptions options;
    options.patience = kPatience;
    const SteadyTime until = system_clock().steady() + kPatience;
    auto locked = mbox::lock_file(file.fd(), false, until, options, mailbox.path);
    if (!locked && locked.error().kind == FaultKind::temporary) {
      reading.bad(mailbox.path, locked.error());
      return {};
    }
    return read_records(file.fd(), mailbox.path, reading);
  }

 private:
  // Of a folder's files, those that are none make no mailbox. An empty one is a mailbox without letters, and
  // one that can't be read is told when that is tried.
  static bool may_be_mbox(const std::string& path) {
    const maildir::File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    return !file || read_at(file.fd(), 0, 1).empty() || first_record(file.fd()).has_value();
  }

  // Where the first record is: what stands before it is no letter.
  static std::optional<uint64_t> first_record(int fd) {
    uint64_t at = 0;
    bool line_start = true;
    for (std::string piece; !(piece = read_at(fd, at, mbox::kPiece)).empty();) {
      for (size_t i = 0; i < piece.size();) {
        if (line_start) {
          const std::string line = piece.size() - i < mbox::kMaxFromLine && piece.size() == mbox::kPiece
                                       ? read_at(fd, at + i, mbox::kMaxFromLine)
                                       : piece.substr(i, mbox::kMaxFromLine);
          if (mbox::parse_from_line(std::string_view(line).substr(0, line.find_first_of("\r\n"))))
            return at + i;
        }
        const size_t end = piece.find('\n', i);
        line_start = end != piece.npos;
        i = line_start ? end + 1 : piece.size();
      }
      at += piece.size();
    }
    return std::nullopt;
  }

  static Result<void> read_records(int fd, const std::string& path, const Reading& reading) {
    const std::optional<uint64_t> first = first_record(fd);
    if (!first && read_at(fd, 0, 1).empty()) return {};
    if (!first) {
      reading.bad(path, Fault{FaultKind::syntax, "not an mbox"});
      return {};
    }
    if (*first > 0)
      reading.bad(path, Fault{FaultKind::syntax, fmt::format("{} bytes before the first letter", *first)});
    Result<void> state;
    const auto sink = [&](mbox::Record&& record) {
      if (state && !record.pseudo) state = read_one(fd, path, record, reading);
    };
    const auto check = [fd](uint64_t offset) {
      return mbox::next_record_at(offset, [fd](uint64_t at, size_t n) { return read_at(fd, at, n); });
    };
    mbox::Resume from;
    from.offset = *first;
    mbox::Scanner scanner(sink, check, from);
    reading.passed(*first);
    uint64_t at = *first;
    for (std::string piece; state && !(piece = read_at(fd, at, mbox::kPiece)).empty();) {
      at += piece.size();
      if (auto fed = scanner.feed(piece); !fed) {
        reading.bad(fmt::format("{} at {}", path, at), fed.error());
        return {};
      }
      reading.passed(piece.size());
    }
    if (!state) return state;
    if (auto ended = scanner.finish(); !ended) reading.bad(path, ended.error());
    return state;
  }

  static Result<void> read_one(int fd, const std::string& path, const mbox::Record& record,
                               const Reading& reading) {
    Text text(fd, record);
    Letter letter;
    letter.where = fmt::format("{} at {}", path, record.offset);
    letter.date = SystemTime(seconds(record.from.time));
    letter.flags = flags_of(record.metadata);
    letter.read = [&](uint64_t offset, size_t length) { return text.read(offset, length); };
    return reading.letter(letter);
  }
};

}  // namespace

Result<std::unique_ptr<Source>> open_mboxes(const std::string& path) {
  auto out = std::make_unique<Mboxes>();
  if (!is_folder(path)) {
    out->take(path, "INBOX");
  } else if (auto found = out->find(maildir::without_slashes(path), "", kFolderDepth); !found) {
    return std::unexpected(found.error());
  }
  return out;
}

}  // namespace posthouse::app::moving
