#include "app/salvage/maildir_out.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "app/moving/letter_files.h"
#include "base/id.h"

namespace posthouse::app {

namespace {

namespace fs = std::filesystem;

constexpr size_t kMostKeywords = 26;  // letters a to z
constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@-_+=., ";
constexpr size_t kLongestName = 200;

std::unexpected<Fault> failed(const std::string& path) {
  return fail(errno == ENOSPC ? FaultKind::no_space : FaultKind::io,
              fmt::format("{}: {}", path, std::strerror(errno)));
}

// A file that is being written; goes again unless keep() was called.
class NewFile {
 public:
  explicit NewFile(std::string path)
      : path_(std::move(path)), fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {}
  ~NewFile() {
    if (fd_ >= 0) ::close(fd_);
    if (fd_ >= 0 && !kept_) ::unlink(path_.c_str());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  Result<void> write(std::string_view bytes) const {
    while (fd_ >= 0 && !bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return failed(path_);
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return fd_ >= 0 ? Result<void>() : failed(path_);
  }
  // Under its own name, with a time of change.
  Result<void> keep(const std::string& name, SystemTime when) {
    const auto since = when.time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
    const timespec time{seconds.count(), 0};
    const timespec times[2] = {time, time};
    if (::futimens(fd_, times) != 0 || ::fsync(fd_) != 0) return failed(path_);
    if (::rename(path_.c_str(), name.c_str()) != 0) return failed(name);
    kept_ = true;
    return {};
  }

 private:
  std::string path_;
  int fd_;
  bool kept_ = false;
};

// Files have lines that end in LF. `held`: a CR at the end of the piece before.
std::string with_lf(std::string_view piece, bool& held) {
  std::string out;
  for (const char c : piece) {
    if (held && c != '\n') out.push_back('\r');
    held = c == '\r';
    if (!held) out.push_back(c);
  }
  return out;
}

}  // namespace

std::string folder_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool plain = kPlain.find(c) != std::string_view::npos && !(out.empty() && c == '.');
    if (plain) {
      out.push_back(c);
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  if (out.size() > kLongestName)
    out = out.substr(0, kLongestName) + fmt::format("~{}", std::hash<std::string_view>()(name));
  // A Maildir's own folders must not look like mailboxes, nor mailboxes like those.
  if (out == "cur" || out == "new" || out == "tmp") return fmt::format("%{:02X}{}", out[0], out.substr(1));
  return out.empty() ? "%" : out;
}

Result<void> MaildirOut::make() {
  if (made_) return {};
  std::error_code error;
  for (const char* const part : {"cur", "new", "tmp"}) {
    if (!error) fs::create_directories(fs::path(path_) / part, error);
  }
  if (error) return fail(FaultKind::io, fmt::format("{}: {}", path_, error.message()));
  made_ = true;
  return {};
}

// In the order of the alphabet.
std::string MaildirOut::flags_of(const store::FlagSet& flags, bool& complete) {
  std::string out;
  const auto add = [&](uint8_t flag, char letter) {
    if ((flags.system & flag) != 0) out.push_back(letter);
  };
  add(store::kDraft, 'D');
  add(store::kFlagged, 'F');
  add(store::kAnswered, 'R');
  add(store::kSeen, 'S');
  add(store::kDeleted, 'T');
  std::string letters;
  for (const std::string& keyword : flags.keywords) {
    auto found = std::ranges::find(keywords_, keyword);
    if (found == keywords_.end() && keywords_.size() == kMostKeywords) {
      complete = false;
      continue;
    }
    if (found == keywords_.end()) found = keywords_.insert(keywords_.end(), keyword);
    letters.push_back(static_cast<char>('a' + (found - keywords_.begin())));
  }
  std::ranges::sort(letters);
  return out + letters;
}

Result<void> MaildirOut::add(const store::SalvagedLetter& letter, const Pieces& pieces) {
  if (Result<void> done = make(); !done) return done;
  const auto when = std::chrono::floor<std::chrono::seconds>(letter.internal_date.time_since_epoch());
  const std::string base =
      fmt::format("{}.{}_{}.posthouse", when.count(), format_id(letter.blob), letter.uid);
  NewFile file(path_ + "/tmp/" + base);
  bool held = false;
  for (uint64_t at = 0; at < letter.size;) {
    const Result<std::string> piece = pieces(at);
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) return fail(FaultKind::corrupt, "it is shorter than it should be");
    if (Result<void> done = file.write(with_lf(*piece, held)); !done) return done;
    at += piece->size();
  }
  if (held) {
    if (Result<void> done = file.write("\r"); !done) return done;
  }
  bool complete = true;
  const std::string name = base + ":2," + flags_of(letter.flags, complete);
  if (!complete) more_ += moving::note_line(base, letter.flags, letter.internal_date);
  return file.keep(path_ + "/cur/" + name, letter.internal_date);
}

Result<void> MaildirOut::finish() const {
  if (!more_.empty()) {
    NewFile notes(path_ + "/tmp/flags");
    Result<void> done = notes.write(more_);
    if (done) done = notes.keep(path_ + "/" + std::string(moving::kFlagsFile), SystemTime());
    if (!done) return done;
  }
  if (keywords_.empty()) return {};
  NewFile file(path_ + "/tmp/keywords");
  for (size_t i = 0; i < keywords_.size(); ++i) {
    if (Result<void> done = file.write(fmt::format("{} {}\n", i, keywords_[i])); !done) return done;
  }
  return file.keep(path_ + "/dovecot-keywords", SystemTime());
}

}  // namespace posthouse::app
