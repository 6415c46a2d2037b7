// Removing blobs without references. Hints say where to look; each blob is judged inside its own step, so
// that no reference can appear between the look and the removal.
#include "engine/blob.h"
#include "engine/blob_format.h"
#include "engine/record.h"

namespace posthouse::engine {

namespace {

constexpr size_t kHintsAtOnce = 64;

struct Found {
  std::vector<BlobId> blobs;
  std::string resume;  // where the next page begins; "" after the last
};

Result<void> find_hints(const Reader& reader, std::string_view prefix, std::string_view from, Found& found) {
  std::string end(prefix);
  ++end.back();
  return reader.scan(hints_partition(), from, end, [&](std::string_view key, std::string_view) {
    if (found.blobs.size() == kHintsAtOnce) {
      found.resume = std::string(key);
      return false;
    }
    if (key.size() == prefix.size() + 8) found.blobs.push_back(read_key_u64(key.substr(prefix.size())));
    return true;
  });
}

enum class Verdict { alive, unfinished, removed };

Result<bool> any_reference(const Transaction& rows) {
  bool found = false;
  const Result<void> scanned =
      rows.scan(kReferenceBegin, kReferenceEnd, [&](std::string_view, std::string_view) {
        found = true;
        return false;
      });
  if (!scanned) return std::unexpected(scanned.error());
  return found;
}

// Of an unfinished blob it is not known how many chunks there are.
Result<void> erase_unfinished(Transaction& rows, bool& something) {
  std::vector<std::string> keys;
  const Result<void> scanned = rows.scan("", "", [&](std::string_view key, std::string_view) {
    keys.emplace_back(key);
    return true;
  });
  if (!scanned) return scanned;
  for (const std::string& key : keys) rows.erase(key);
  something = !keys.empty();
  return {};
}

// By number, without reading them.
void erase_sealed(Transaction& rows, const BlobHead& head) {
  for (uint32_t i = 0; i < head.chunks; ++i) rows.erase(chunk_key(i));
  rows.erase(kHeadKey);
}

// The disk changed the head. Nobody wants the blob any more, so it goes as far as its other rows can be read,
// and those behind it are not kept waiting.
Result<Verdict> erase_unreadable(Transaction& rows) {
  bool something = false;
  const Result<void> erased = erase_unfinished(rows, something);
  if (!erased && erased.error().kind != FaultKind::corrupt) return std::unexpected(erased.error());
  rows.erase(kHeadKey);
  return Verdict::removed;
}

// `unfinished_too`: a blob whose writer may still be at work goes as well.
Result<Verdict> judge_rows(Transaction& rows, BlobId id, bool unfinished_too) {
  const Result<bool> referenced = any_reference(rows);
  if (!referenced) return std::unexpected(referenced.error());
  if (*referenced) return Verdict::alive;
  const Result<std::optional<std::string>> row = rows.get(kHeadKey);
  if (!row && row.error().kind == FaultKind::corrupt) return erase_unreadable(rows);
  if (!row) return std::unexpected(row.error());
  if (!*row && !unfinished_too) return Verdict::unfinished;
  if (*row) {
    const Result<BlobHead> head = decode_head(id, **row);
    if (head) {
      erase_sealed(rows, *head);
      return Verdict::removed;
    }
  }
  bool something = false;
  const Result<void> erased = erase_unfinished(rows, something);
  if (!erased) return std::unexpected(erased.error());
  return something ? Verdict::removed : Verdict::alive;
}

Step judge(BlobId id, bool unfinished_too, Verdict* verdict) {
  return Step{blob_partition(id), [id, unfinished_too, verdict](Transaction& rows) -> Result<void> {
                const Result<Verdict> judged = judge_rows(rows, id, unfinished_too);
                if (!judged) return std::unexpected(judged.error());
                *verdict = *judged;
                return {};
              }};
}

Step forget_hints(const std::vector<BlobId>& blobs, const std::vector<Verdict>& verdicts) {
  return Step{hints_partition(), [&blobs, &verdicts](Transaction& rows) -> Result<void> {
                for (size_t i = 0; i < blobs.size(); ++i) {
                  if (verdicts[i] == Verdict::unfinished) continue;
                  rows.erase(dropped_hint(blobs[i]));
                  rows.erase(unfinished_hint(blobs[i]));
                }
                return {};
              }};
}

// One kind of hint; `removed` counts on.
Task<Result<void>> sweep_hints(Engine& engine, std::string prefix, bool unfinished_too, size_t most,
                               size_t& removed) {
  std::string from = prefix;
  while (removed < most && !from.empty()) {
    Found found;
    std::function<Result<void>(const Reader&)> job = [&](const Reader& reader) {
      return find_hints(reader, prefix, from, found);
    };
    Result<void> listed = co_await engine.read(std::move(job));
    if (!listed) co_return listed;
    from = found.resume;
    if (found.blobs.empty()) break;
    std::vector<Verdict> verdicts(found.blobs.size(), Verdict::alive);
    std::vector<Step> steps;
    for (size_t i = 0; i < found.blobs.size(); ++i) {
      steps.push_back(judge(found.blobs[i], unfinished_too, &verdicts[i]));
    }
    steps.push_back(forget_hints(found.blobs, verdicts));
    Result<void> done = co_await engine.transact(std::move(steps));
    if (!done) co_return done;
    for (const Verdict verdict : verdicts) removed += verdict == Verdict::removed ? 1 : 0;
  }
  co_return Result<void>();
}

}  // namespace

Task<Result<size_t>> sweep_blobs(Engine& engine, bool at_start, size_t most) {
  size_t removed = 0;
  // Whoever dropped the blob is gone: what has neither head nor reference was abandoned by its writer.
  Result<void> dropped = co_await sweep_hints(engine, std::string(kDroppedHint), true, most, removed);
  if (!dropped) co_return std::unexpected(dropped.error());
  Result<void> unfinished =
      co_await sweep_hints(engine, std::string(kUnfinishedHint), at_start, most, removed);
  if (!unfinished) co_return std::unexpected(unfinished.error());
  co_return removed;
}

}  // namespace posthouse::engine
