// Bodies whose messages are gone with damaged rows: bytes and owner are known, so they become messages again.
#include <algorithm>

#include "base/id.h"
#include "base/log.h"
#include "engine/blob_format.h"
#include "message/date.h"
#include "message/summary.h"
#include "store/mail_store_impl.h"
#include "store/orphans.h"

namespace posthouse::store {

namespace {

constexpr std::string_view kRecovered = "Recovered";
constexpr uint64_t kHeaderLooked = 64 * 1024;  // for the Received field

// When the first field Received says that it came; that is the one of ours.
std::optional<SystemTime> received_at(std::string_view letter) {
  if (!letter.starts_with("Received:")) return std::nullopt;
  size_t end = letter.find('\n');
  while (end != std::string_view::npos && end + 1 < letter.size() &&
         (letter[end + 1] == ' ' || letter[end + 1] == '\t'))
    end = letter.find('\n', end + 1);
  const std::string_view field = letter.substr(0, end);
  const size_t semicolon = field.rfind(';');
  if (semicolon == std::string_view::npos) return std::nullopt;
  const auto date = message::parse_date(field.substr(semicolon + 1));
  return date ? std::optional(date->time) : std::nullopt;
}

Result<NewMessage> describe(const engine::Reader& reader, engine::BlobId blob, SystemTime now) {
  const Result<uint64_t> size = engine::blob_size(reader, blob);
  if (!size) return std::unexpected(size.error());
  NewMessage out;
  out.blob = blob;
  out.size = *size;
  out.internal_date = now;
  message::Summarizer summarizer;
  for (uint64_t at = 0; at < *size; at += engine::kBlobChunk) {
    const Result<std::string> piece = engine::read_blob(reader, blob, at, engine::kBlobChunk);
    if (!piece) return std::unexpected(piece.error());
    if (at == 0) out.internal_date = received_at(piece->substr(0, kHeaderLooked)).value_or(now);
    summarizer.feed(*piece);
  }
  out.summary = message::encode(summarizer.finish());
  return out;
}

// The body may not have gone meanwhile.
engine::Step still_there(engine::BlobId blob, std::string reference) {
  return engine::Step{engine::blob_partition(blob),
                      [key = engine::reference_key(reference)](engine::Transaction& rows) -> Result<void> {
                        const Result<std::optional<std::string>> row = rows.get(key);
                        if (!row) return std::unexpected(row.error());
                        if (*row) return {};
                        return fail(FaultKind::not_found, "the body is gone");
                      }};
}

engine::Step mark_unreferenced(engine::BlobId blob) {
  return engine::Step{engine::blob_partition(blob), [blob](engine::Transaction& rows) -> Result<void> {
                        rows.hint(engine::dropped_hint(blob));
                        return {};
                      }};
}

}  // namespace

Task<Result<MailStore::Adopted>> MailStore::adopt_bodies(std::vector<AccountId> known,
                                                         std::vector<AccountId> into, Unowned unowned) {
  Orphans found;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    Result<Orphans> seen = find_orphans(reader, known);
    if (!seen) return std::unexpected(seen.error());
    found = std::move(*seen);
    return {};
  };
  Result<void> done = co_await impl_->engine.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  // Two messages must never share a reference.
  if (found.missed)
    co_return fail(FaultKind::temporary,
                   "rows of accounts can't be read; the next start mends them: try again");
  Adopted adopted;
  for (const Orphan& orphan : found.bodies) {
    const bool owned = std::ranges::find(into, orphan.account) != into.end();
    const bool removed =
        unowned == Unowned::removed || (unowned == Unowned::sound_left && (owned || !orphan.sound));
    if (owned && orphan.sound) {
      done = co_await impl_->adopt(orphan.account, orphan.blob, orphan.delivery);
      if (!done) co_return std::unexpected(done.error());
      ++adopted.restored;
    } else if (removed) {
      std::vector<engine::Step> steps;
      steps.push_back(engine::drop_reference(orphan.blob, orphan.reference, std::nullopt));
      done = co_await impl_->engine.transact_relaxed(std::move(steps));
      if (!done) co_return std::unexpected(done.error());
      ++adopted.removed;
    } else {
      ++adopted.left;
    }
  }
  for (const engine::BlobId blob : found.unreferenced) {
    if (unowned == Unowned::all_left) break;
    std::vector<engine::Step> steps;
    steps.push_back(mark_unreferenced(blob));
    done = co_await impl_->engine.transact_relaxed(std::move(steps));
    if (!done) co_return std::unexpected(done.error());
    ++adopted.removed;
  }
  if (adopted.restored + adopted.removed + adopted.left > 0)
    log::warn("store.bodies_adopted",
              {{"restored", adopted.restored}, {"removed", adopted.removed}, {"left", adopted.left}});
  co_return adopted;
}

Task<Result<void>> MailStore::Impl::adopt(AccountId account, engine::BlobId blob, uint64_t delivery) {
  Result<NewMessage> message = fail(FaultKind::corrupt, "not read");
  std::function<Result<void>(const engine::Reader&)> look =
      [&, now = clock.now()](const engine::Reader& reader) -> Result<void> {
    message = describe(reader, blob, now);
    return message ? Result<void>() : std::unexpected(message.error());
  };
  Result<void> done = co_await engine.read(std::move(look));
  if (!done) co_return done;
  done = co_await edit(account, [now = clock.now()](AccountEdit& account_edit) -> Result<void> {
    const Result<MailboxRow*> made = account_edit.create(kRecovered, Role::none, now);
    if (!made && made.error().kind != FaultKind::exists) return std::unexpected(made.error());
    account_edit.rows().put(subscription_key(kRecovered), empty_record());
    return {};
  });
  if (!done) co_return done;
  std::vector<engine::Step> steps;
  steps.push_back(still_there(blob, blob_reference(account, delivery)));
  for (engine::Step& step :
       place_steps(account, std::string(kRecovered), std::move(*message), delivery, Quota{}, true, nullptr))
    steps.push_back(std::move(step));
  co_return co_await engine.transact_relaxed(std::move(steps));
}

}  // namespace posthouse::store
