// Adding a message at the end.
#include <algorithm>

#include "base/ascii.h"
#include "mbox/held.h"
#include "mbox/limits.h"

namespace posthouse::mbox {

Result<void> HeldImpl::begin_append(uint64_t record_start, std::string_view first) {
  JournalHead head;
  head.kind = JournalKind::append;
  head.device = appended_to.st_dev;
  head.inode = appended_to.st_ino;
  head.old_size = committed_size;
  head.new_size = record_start;
  Hash hash;
  hash.update(first);
  head.guard_from = record_start;
  head.guard_length = first.size();
  head.guard = hash.digest();
  head.boot = announces() ? "" : disk().boot_id();
  settled = false;
  if (pending || append_journal) {
    const auto written = disk().write(append_journal.get(), 0, encode(head));
    pending = pending || written;
    return written;
  }
  auto begun = begin_append_journal(disk(), journal_base, head);
  if (!begun) return std::unexpected(begun.error());
  append_journal = std::move(*begun);
  pending = true;
  return {};
}

Result<void> HeldImpl::cut_back() {
  first_head.reset();
  raised.reset();
  if (auto cut = disk().resize(file.get(), committed_size); !cut) return cut;
  if (auto synced = disk().sync(file.get()); !synced) return synced;
  pending = dirty = settled = false;
  return end_append_journal();
}

Result<void> HeldImpl::end_append_journal() {
  if (append_journal && keeps_journal()) return disk().resize(append_journal.get(), 0);
  append_journal.reset();
  return discard_journal(disk(), journal_base, announces());
}

// Where it does not fit into its place all that follows moves, and that has a journal of its own.
Result<void> HeldImpl::raise_base() {
  std::optional<Base> base = std::exchange(raised, std::nullopt);
  if (!base) return {};
  auto edits = plan_edits(*this, {}, *base);
  if (!edits) return std::unexpected(edits.error());
  std::optional<Record> first = first_head;
  if (!std::ranges::all_of(*edits, &Edit::same_length)) {
    if (auto committed = commit(); !committed) return committed;
    first.reset();
  }
  if (auto applied = apply(std::move(*edits)); !applied) return applied;
  if (!first) return {};
  first->base = std::move(*base);
  first_head = std::move(first);
  return {};
}

Result<void> HeldImpl::settle() {
  if (announces() || settled) return {};
  dirty = dirty || pending;
  if (auto raised_now = raise_base(); !raised_now) return raised_now;
  if (!pending) return {};
  if (auto ended = end_append_journal(); !ended) return ended;
  show_change(file.get(), appended_to);
  settled = true;
  return {};
}

Result<void> HeldImpl::commit() {
  dirty = dirty || pending;
  if (auto raised_now = raise_base(); !raised_now) return raised_now;
  if (auto synced = sync(); !synced) return synced;
  if (!pending) return {};
  if (!settled) {
    if (auto ended = end_append_journal(); !ended) return ended;
    show_change(file.get(), appended_to);
  }
  pending = settled = false;
  return {};
}

namespace {

// What is missing of the blank line that separates messages.
Result<std::string> separator(const HeldImpl& held, uint64_t size) {
  if (size == 0) return std::string();
  const uint64_t from = size - std::min<uint64_t>(size, 4);
  const auto end = held.disk().read(held.file.get(), from, 4);
  if (!end) return std::unexpected(end.error());
  if (!end->ends_with('\n')) return std::string("\n\n");
  if (end->ends_with("\n\n") || end->ends_with("\n\r\n")) return std::string();
  return std::string("\n");
}

// Writes a record while it is read as a scan would read it.
class RecordWriter {
 public:
  RecordWriter(HeldImpl& held, uint64_t start)
      : held_(held), position_(start), scanner_(sink(), {}, {start == 0 ? 0 : start, {}, 0}) {}

  Result<void> put(std::string_view text) {
    buffer_ += text;
    return buffer_.size() < kPiece ? Result<void>() : flush();
  }

  Result<void> flush() {
    if (buffer_.empty()) return {};
    held_.dirty = true;
    if (auto written = held_.disk().write(held_.file.get(), position_, buffer_); !written) return written;
    position_ += buffer_.size();
    if (auto fed = scanner_.feed(buffer_); !fed) return fed;
    buffer_.clear();
    return {};
  }

  uint64_t position() const { return position_; }

  Result<Record> finish() {
    if (auto flushed = flush(); !flushed) return std::unexpected(flushed.error());
    if (auto done = scanner_.finish(); !done) return std::unexpected(done.error());
    if (records_ != 1) return fail(FaultKind::io, held_.path + ": what was appended is not one message");
    return record_;
  }

 private:
  Scanner::Sink sink() {
    return [this](Record&& record) {
      ++records_;
      record_ = std::move(record);
    };
  }

  HeldImpl& held_;
  uint64_t position_;
  Scanner scanner_;
  std::string buffer_;
  Record record_;
  int records_ = 0;
};

}  // namespace

Result<Written> write_message(const PutText& write, const Source& source, std::string& first_octets) {
  Encoder encoder;
  std::string out;
  bool begun = false;
  const auto put = [&]() -> Result<void> {
    if (out.empty()) return {};
    if (!begun && needs_form(false, out.front())) {
      if (auto form = write(form_line(false)); !form) return form;
      first_octets = out.substr(0, 1);
    }
    begun = true;
    const auto written = write(out);
    out.clear();
    return written;
  };
  for (;;) {
    const auto piece = source();
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) break;
    for (std::string_view rest = *piece; !rest.empty();) {
      const size_t length = std::min(rest.size(), kPiece);
      encoder.write(rest.substr(0, length), out);
      rest.remove_prefix(length);
      if (auto written = put(); !written) return std::unexpected(written.error());
    }
  }
  encoder.finish(out);
  if (auto written = put(); !written) return std::unexpected(written.error());
  return Written{encoder.open(), encoder.exact()};
}

std::string record_head(const Letter& letter, bool first) {
  std::optional<Base> base = first ? letter.base : std::nullopt;
  if (base) cover(*base, letter.metadata);
  return format_from_line(letter.sender, letter.time) +
         metadata_block(letter.metadata, base ? &*base : nullptr);
}

namespace {

// Makes room for `text` at `at` by moving what is between there and `end`, from the back.
Result<void> insert(HeldImpl& held, uint64_t at, uint64_t end, std::string_view text) {
  for (uint64_t left = end; left > at;) {
    const uint64_t begin = left - std::min<uint64_t>(left - at, kPiece);
    const auto piece = held.disk().read(held.file.get(), begin, static_cast<size_t>(left - begin));
    if (!piece) return std::unexpected(piece.error());
    if (auto written = held.disk().write(held.file.get(), begin + text.size(), *piece); !written)
      return written;
    left = begin;
  }
  return held.disk().write(held.file.get(), at, text);
}

// Reads back a record that stands at `start`.
Result<Record> reread(const HeldImpl& held, uint64_t start) {
  const auto size = held.size();
  if (!size) return std::unexpected(size.error());
  std::optional<Record> found;
  Scanner scanner([&](Record&& record) { found = std::move(record); }, {}, {start, {}, 0});
  auto read = held.read_range(start, *size, [&](std::string_view piece) { return scanner.feed(piece); });
  if (read) read = scanner.finish();
  if (!read) return std::unexpected(read.error());
  if (!found || found->offset != start)
    return fail(FaultKind::io, held.path + ": what was appended is not one message");
  return *found;
}

// The letter's UID and keywords must be covered by the file's own data, or Dovecot believes neither. New
// keywords may need room, so they come first.
Result<void> cover_keywords(HeldImpl& held, const Letter& letter) {
  if (letter.metadata.keywords.empty()) return {};
  auto base = held.raised ? Result<std::optional<Base>>(held.raised) : held.base();
  if (!base) return std::unexpected(base.error());
  Metadata keywords;
  keywords.keywords = letter.metadata.keywords;
  if (!*base || !cover(**base, keywords)) return {};
  held.raised = std::move(*base);
  return held.raise_base();
}

// Written once for all that are committed together.
Result<void> cover_uid(HeldImpl& held, uint32_t uid) {
  if (uid == 0 || (held.raised && held.raised->last_uid >= uid)) return {};
  if (held.raised) {
    held.raised->last_uid = uid;
    return {};
  }
  auto base = held.base();
  if (!base) return std::unexpected(base.error());
  if (!*base || (*base)->last_uid >= uid) return {};
  (*base)->last_uid = uid;
  held.raised = std::move(*base);
  return {};
}

Result<Record> write_record(HeldImpl& held, const Letter& letter, const Source& source, uint64_t size) {
  const auto gap =
      held.pending && size == held.appended_end ? Result<std::string>(std::string()) : separator(held, size);
  if (!gap) return std::unexpected(gap.error());
  if (!held.pending) held.committed_size = size;
  const uint64_t start = size + gap->size();
  const std::string head = record_head(letter, start == 0);
  const size_t first_octets = head.find('\n') + 1 + 6;  // up to a field that nobody else puts there
  if (auto begun = held.begin_append(start, std::string_view(head).substr(0, first_octets)); !begun)
    return std::unexpected(begun.error());
  if (!gap->empty()) {
    if (auto put = held.disk().write(held.file.get(), size, *gap); !put) return std::unexpected(put.error());
  }
  RecordWriter writer(held, start);
  std::string blank_first;
  Result<void> step = writer.put(head);
  const uint64_t own_end = start + head.size();
  if (!step) return std::unexpected(step.error());
  const auto written =
      write_message([&](std::string_view text) { return writer.put(text); }, source, blank_first);
  if (!written) return std::unexpected(written.error());
  if (step = writer.put("\n"); !step) return std::unexpected(step.error());
  auto record = writer.finish();
  if (record) record->exact = written->exact;
  if (!record || !written->open) return record;
  const uint64_t old_form = blank_first.empty() ? 0 : form_line(false).size();
  if (auto put = insert(held, own_end + old_form, writer.position(), form_line(true)); !put) {
    return std::unexpected(put.error());
  }
  record = reread(held, start);
  if (record) record->exact = written->exact;
  return record;
}

}  // namespace

Result<Form> form_of(const Source& source) {
  std::optional<Record> found;
  Scanner scanner([&](Record&& record) { found = std::move(record); });
  std::string first_octets;
  const auto feed = [&](std::string_view text) { return scanner.feed(text); };
  if (auto fed = feed(format_from_line("", 0)); !fed) return std::unexpected(fed.error());
  const auto written = write_message(feed, source, first_octets);
  if (!written) return std::unexpected(written.error());
  Result<void> end = feed("\n");
  if (end) end = scanner.finish();
  if (!end) return std::unexpected(end.error());
  if (!found) return fail(FaultKind::corrupt, "no message");
  return Form{found->digest, written->exact};
}

Result<Record> Held::append(const Letter& letter, const Source& source) {
  if (!impl_->writable) return fail(FaultKind::policy, impl_->path + ": opened for reading");
  const auto mbox = impl_->pending ? Result<std::optional<Base>>(std::nullopt) : impl_->base();
  if (!mbox) return std::unexpected(mbox.error());  // it is none
  if (auto covered = cover_keywords(*impl_, letter); !covered) return std::unexpected(covered.error());
  const auto file = impl_->info();
  if (!file) return std::unexpected(file.error());
  if (!impl_->pending) impl_->appended_to = *file;
  const auto before = static_cast<uint64_t>(file->st_size);
  const bool had_pending = impl_->pending;
  auto record = write_record(*impl_, letter, source, before);
  const auto covered = record ? cover_uid(*impl_, letter.metadata.uid) : Result<void>();
  if (record && covered) {
    record->metadata.uid = letter.metadata.uid;
    impl_->appended_end = record->next;
    return record;
  }
  if (record) record = std::unexpected(covered.error());
  // What was appended before stays; of this one nothing does.
  const auto cut =
      had_pending || !impl_->pending ? impl_->disk().resize(impl_->file.get(), before) : impl_->cut_back();
  if (!cut) return fail(record.error().kind, record.error().what + "; " + cut.error().what);
  return record;
}

Result<void> Held::commit() {
  return impl_->commit();
}

void Held::doubt() {
  impl_->dirty = true;
}

Result<void> Held::settle() {
  return impl_->settle();
}

}  // namespace posthouse::mbox
