#include "app/backup/intake.h"

#include <unistd.h>

#include "app/backup/hashing.h"

namespace posthouse::app::backup {
namespace {

constexpr size_t kFilesTogether = 4'000;  // flushed at once
constexpr uint64_t kBytesTogether = 64 << 20;
constexpr uint64_t kPackBytes = 8 << 20;       // a pack is full then
constexpr size_t kPackedRemembered = 100'000;  // letters that are recognized when they come again

}  // namespace

Intake::~Intake() {
  for (const Repository::Fresh& file : waiting_) ::unlink(file.path.c_str());
}

Result<Copied> Intake::add_alone(const Pieces& pieces, const Took& took) {
  const std::string path = repository_.unfinished_file(waiting_.size());
  auto copied = write_pieces(path, pieces, took);
  if (!copied) return copied;
  if (auto waits = wait(path, *copied); !waits) return std::unexpected(waits.error());
  return copied;
}

Result<void> Intake::wait(std::string path, Copied what) {
  bytes_ += what.size;
  waiting_.push_back({std::move(path), std::move(what)});
  return flush_if_much();
}

Result<void> Intake::add_text(std::string_view text, File& file) {
  file.size = text.size();
  file.sha256 = sha256(text);
  if (repository_.is_whole(file) || texts_.contains(file.sha256)) return {};
  auto writer = PieceWriter::make(repository_.unfinished_file(waiting_.size()));
  if (!writer) return std::unexpected(writer.error());
  if (auto written = writer->append(text); !written) return written;
  texts_.insert(file.sha256);
  std::string path = writer->path();
  return wait(std::move(path), writer->close());
}

Result<void> Intake::add_copy(const std::string& from, File& file, const Took& took) {
  const std::string path = repository_.unfinished_file(waiting_.size());
  auto copied = copy_unflushed(from, path, took);
  if (!copied) return std::unexpected(copied.error());
  file.size = copied->size;
  file.sha256 = copied->sha256;
  return wait(path, std::move(*copied));
}

Result<void> Intake::begin_pack() {
  auto writer = PieceWriter::make(repository_.unfinished_pack());
  if (!writer) return std::unexpected(writer.error());
  writer_.emplace(std::move(*writer));
  pack_ = std::make_shared<Pack>();
  return {};
}

void Intake::end_pack() {
  if (!writer_) return;
  const std::string path = writer_->path();
  Copied whole = writer_->close();
  writer_.reset();
  pack_->sha256 = whole.sha256;
  pack_->size = whole.size;
  pack_.reset();
  bytes_ += whole.size;
  waiting_.push_back({path, std::move(whole)});
}

Result<void> Intake::add_to_pack(std::string_view bytes, ListedLetter& letter) {
  letter.sha256 = sha256(bytes);
  if (packed_.size() >= kPackedRemembered) packed_.clear();
  const auto [place, fresh] = packed_.try_emplace(letter.sha256);
  if (fresh) {
    auto begun = writer_ ? Result<void>() : begin_pack();
    if (!begun) return begun;
    place->second = {pack_, writer_->size()};
    if (auto written = writer_->append(bytes); !written) return written;
  }
  letter.pack = place->second.pack;
  letter.offset = place->second.offset;
  if (!writer_ || writer_->size() < kPackBytes) return {};
  end_pack();
  return flush_if_much();
}

Result<void> Intake::flush_if_much() {
  if (waiting_.size() < kFilesTogether && bytes_ < kBytesTogether) return {};
  return flush();
}

Result<void> Intake::flush() {
  end_pack();
  auto taken = repository_.take_all(waiting_);
  if (!taken) return std::unexpected(taken.error());
  copied_ += *taken;
  waiting_.clear();
  texts_.clear();
  bytes_ = 0;
  return {};
}

}  // namespace posthouse::app::backup
