#include "engine/rocks_table_mend.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

#include "engine/rocks_database.h"
#include "engine/rocks_table_layout.h"

namespace posthouse::engine {

namespace {

constexpr size_t kMostBlocks = 20'000;  // of one table; after that it is taken for lost
constexpr size_t kSequence = 8;         // octets behind a key: its type and sequence number

// Without a cache: what it holds might be from before.
rocksdb::Options reading_options() {
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;
  table.format_version = 5;
  rocksdb::Options options;
  options.compression = rocksdb::kNoCompression;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

std::optional<uint64_t> number_behind(std::string_view text, std::string_view word) {
  const size_t at = text.rfind(word);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view digits = text.substr(at + word.size());
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

// "block checksum mismatch: ..., type = 4  in /.../000009.sst offset 211705 size 8139"
std::optional<BlockHandle> block_of(const rocksdb::Status& status) {
  const std::string text = status.ToString();
  if (text.find("block checksum mismatch") == std::string::npos ||
      text.find(fmt::format("type = {} ", static_cast<int>(kChecksumXxh3))) == std::string::npos) {
    return std::nullopt;
  }
  const auto offset = number_behind(text, " offset ");
  const auto size = number_behind(text, " size ");
  if (!offset || !size) return std::nullopt;
  return BlockHandle{*offset, *size};
}

// Up to which size every bit is tried. Without its index all rows of a table are lost: that is worth minutes.
uint64_t most_tried(BlockKind kind) {
  const bool rows_only = kind == BlockKind::data || kind == BlockKind::filter;
  return rows_only ? 64 * 1024 : 512 * 1024;
}

struct Removed {
  const std::string path;
  ~Removed() {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
};

class TableMender {
 public:
  TableMender(const KnownTable& table, const DamageNotes& notes, KeptAside& aside)
      : table_(table), notes_(notes), aside_(aside), path_(notes.file(table.name)) {}

  Result<MendedTable> run();

 private:
  Result<bool> mend_end();
  Result<bool> mend_block(BlockHandle block);
  Result<bool> empty_data(PatchFile& file, const TableLayout& layout, BlockHandle block,
                          std::string_view damaged);
  std::string key_of_nobody(const KeyRange& range) const;
  Result<void> overwrite(PatchFile& file, BlockHandle block, std::string_view damaged, std::string_view now);
  Result<void> replace();
  Result<std::string> stand_in() const;
  Result<void> note_lost(KeyRange range);

  const KnownTable& table_;
  const DamageNotes& notes_;
  KeptAside& aside_;
  const std::string path_;
  MendedTable done_;
};

// A table that was cut off within its footer, has something behind it, or whose footer can't be read: true
// when it has its size and a footer now. What the footer says is known from the blocks.
Result<bool> TableMender::mend_end() {
  Result<PatchFile> file = PatchFile::open(path_);
  if (!file && file.error().kind == FaultKind::not_found) return false;
  if (!file) return std::unexpected(file.error());
  if (table_.size < kTableFooter || file->size() < table_.size - kTableFooter) return false;
  const uint64_t at = table_.size - kTableFooter;
  const Result<std::string> end = file->read(at, file->size() - at);
  if (!end) return std::unexpected(end.error());
  const std::optional<std::string> footer = restore_footer(*file, table_.size);
  if (!footer || *footer == *end) return end->size() == kTableFooter;
  Result<void> done = aside_.keep(fmt::format("{}.{}", table_.name, at), *end);
  if (done) done = file->write(at, *footer);
  if (!done) return std::unexpected(done.error());
  std::error_code error;
  std::filesystem::resize_file(path_, table_.size, error);
  done_.end = true;
  return !error;
}

Result<MendedTable> TableMender::run() {
  const Result<bool> ended = mend_end();
  if (!ended) return std::unexpected(ended.error());
  const bool fits = *ended;
  rocksdb::Status status = verify_table(path_);
  while (fits && !status.ok()) {
    const std::optional<BlockHandle> block = block_of(status);
    if (!block || done_.emptied >= kMostBlocks) break;
    const Result<bool> mended = mend_block(*block);
    if (!mended) return std::unexpected(mended.error());
    if (!*mended) break;
    status = verify_table(path_);
    const std::optional<BlockHandle> next = block_of(status);
    if (next && next->offset == block->offset) break;
  }
  if (!fits || !status.ok()) {
    if (!status.ok() && !status.IsCorruption() && fits)
      return std::unexpected(to_fault(status, "cannot read " + path_));  // the disk, not what is on it
    if (Result<void> replaced = replace(); !replaced) return std::unexpected(replaced.error());
  }
  return done_;
}

// False: the table can't be mended by its blocks.
Result<bool> TableMender::mend_block(BlockHandle block) {
  Result<PatchFile> file = PatchFile::open(path_);
  if (!file) return std::unexpected(file.error());
  const std::optional<TableLayout> layout = read_layout(*file);
  if (!layout || block.size < kBlockTrailer + 4) return false;
  const Result<std::string> damaged = file->read(block.offset, block.size + kBlockTrailer);
  if (!damaged) return false;
  Result<void> written;
  const std::string empty = empty_block(block.size);
  const BlockKind kind = layout->kind_at(block.offset);
  const bool worth_it = block.size <= most_tried(kind);
  if (const auto restored = worth_it ? restore_bit(*damaged) : std::nullopt) {
    written = overwrite(*file, block, *damaged, *restored);
    ++done_.restored;
  } else {
    switch (kind) {
      case BlockKind::properties:
      case BlockKind::metaindex:
        return false;
      case BlockKind::index:
        done_.whole = true;
        written = note_lost({table_.smallest, table_.largest});
        if (written) written = aside_.keep_copy(path_);
        if (written) written = file->write(block.offset, empty);
        break;
      case BlockKind::filter:
        done_.filter = true;
        written = overwrite(*file, block, *damaged, empty);
        break;
      // Partitions that were removed whole are seen again; nobody knows them any more.
      case BlockKind::range_deletions:
        ++done_.emptied;
        written = overwrite(*file, block, *damaged, empty);
        break;
      case BlockKind::data:
        return empty_data(*file, *layout, block, *damaged);
    }
  }
  if (!written) return std::unexpected(written.error());
  return true;
}

// A key in the range, as a row that is erased has it, which no row of ours has in any table: two rows of one
// key and sequence number, of which RocksDB makes 0 when a row gets old, end its iterators. Empty: there is
// no room for one.
std::string TableMender::key_of_nobody(const KeyRange& range) const {
  std::string key = range.begin + '\0' + table_.name;
  return key < range.end ? key + std::string(kSequence, '\0') : std::string();
}

// The key of the separator itself. One that is no key has the largest sequence number, which no row may have.
std::string erased(std::string separator) {
  separator[separator.size() - kSequence] = 0;  // the type
  if (separator.ends_with(std::string(kSequence - 1, '\xff')))
    separator.replace(separator.size() - kSequence, kSequence, kSequence, '\0');
  return separator;
}

// The separators around the block say which rows were in it.
Result<bool> TableMender::empty_data(PatchFile& file, const TableLayout& layout, BlockHandle block,
                                     std::string_view damaged) {
  const auto index = read_index(file, layout);
  if (!index) return false;
  const auto is_it = [&block](const IndexEntry& entry) { return entry.block.offset == block.offset; };
  const auto entry = std::ranges::find_if(*index, is_it);
  if (entry == index->end()) return false;
  const auto key_of = [](const IndexEntry& of) {
    return of.separator.substr(0, of.separator.size() - kSequence);
  };
  KeyRange range{entry == index->begin() ? table_.smallest : key_of(entry[-1]), key_of(*entry)};
  // The last separator may be behind the last key, where the next table of the level begins.
  const bool beyond = range.end > table_.largest;
  if (beyond) range.end = table_.largest;
  std::string key = key_of_nobody(range);
  if (key.empty()) key = beyond ? table_.largest + std::string(kSequence, '\0') : erased(entry->separator);
  const std::string now = erased_block(block.size, key);
  if (now.empty()) return false;
  ++done_.emptied;
  if (Result<void> noted = note_lost(std::move(range)); !noted) return std::unexpected(noted.error());
  Result<void> written = overwrite(file, block, damaged, now);
  if (!written) return std::unexpected(written.error());
  return true;
}

Result<void> TableMender::overwrite(PatchFile& file, BlockHandle block, std::string_view damaged,
                                    std::string_view now) {
  Result<void> kept = aside_.keep(fmt::format("{}.{}", table_.name, block.offset), damaged);
  if (!kept) return kept;
  return file.write(block.offset, now);
}

// Before the rows go.
Result<void> TableMender::note_lost(KeyRange range) {
  std::vector<KeyRange> lost = notes_.lost();
  if (!lost.empty() && lost.back().end == range.begin) {
    lost.back().end = std::move(range.end);
  } else {
    lost.push_back(std::move(range));
  }
  return notes_.lost(lost);
}

// Another table in the place of one that can't be opened, of the size that the manifest wants: without rows,
// no block leads to the one row that its maker wants.
Result<void> TableMender::replace() {
  done_.whole = true;
  Result<void> done = note_lost({table_.smallest, table_.largest});
  if (done) done = aside_.keep_copy(path_);
  if (done) done = notes_.stand_in(table_.name);
  if (!done) return done;
  Result<std::string> bytes = stand_in();
  if (!bytes) return std::unexpected(bytes.error());
  return write_whole(path_, *bytes);
}

Result<std::string> TableMender::stand_in() const {
  const std::string fresh = path_ + ".empty";
  const Removed at_the_end{fresh};
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), reading_options());
  rocksdb::Status status = writer.Open(fresh);
  if (status.ok()) status = writer.Put(table_.smallest, "");
  if (status.ok()) status = writer.Finish();
  if (!status.ok()) return std::unexpected(to_fault(status, "cannot write " + fresh));
  Result<PatchFile> file = PatchFile::open(fresh);
  if (!file) return std::unexpected(file.error());
  const std::optional<TableLayout> layout = read_layout(*file);
  Result<std::string> bytes = file->read(0, file->size());
  if (!layout || !bytes || bytes->size() > table_.size)
    return fail(FaultKind::io, fmt::format("{} is too small to be replaced", path_));
  const std::string empty = empty_block(layout->index.size);
  bytes->replace(layout->index.offset, empty.size(), empty);
  bytes->insert(bytes->size() - kTableFooter, table_.size - bytes->size(), '\0');
  return bytes;
}

}  // namespace

rocksdb::Status verify_table(const std::string& path) {
  rocksdb::SstFileReader reader(reading_options());
  rocksdb::Status status = reader.Open(path);
  if (status.ok()) status = reader.VerifyChecksum();
  return status;
}

Result<MendedTable> mend_table(const KnownTable& table, const DamageNotes& notes, KeptAside& aside) {
  return TableMender(table, notes, aside).run();
}

}  // namespace posthouse::engine
