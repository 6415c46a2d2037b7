#include "store/orphans.h"

#include <optional>
#include <unordered_set>

#include <xxhash.h>

#include "base/id.h"
#include "engine/blob_format.h"
#include "store/forgiving_reader.h"
#include "store/mail_store.h"
#include "store/rows.h"

namespace posthouse::store {

namespace {

uint64_t reference_hash(engine::BlobId blob, std::string_view reference) {
  return XXH3_64bits_withSeed(reference.data(), reference.size(), blob);
}

// "a<account>.<delivery>", as MailStore::blob_reference() has it.
bool parse_reference(std::string_view reference, Orphan& into) {
  const size_t dot = reference.find('.');
  if (!reference.starts_with('a') || dot == std::string_view::npos) return false;
  const auto account = parse_id(reference.substr(1, dot - 1));
  const auto delivery = parse_id(reference.substr(dot + 1));
  into.account = account.value_or(0);
  into.delivery = delivery.value_or(0);
  return account && delivery;
}

class OrphanSearch {
 public:
  OrphanSearch(const engine::Reader& reader, Orphans& to)
      : raw_(reader), reader_(reader, [](const std::string&) {}), to_(to) {}

  Result<void> run(const std::vector<AccountId>& accounts) {
    for (const AccountId account : accounts) {
      if (Result<void> done = note(account); !done) return done;
    }
    to_.missed = reader_.missed_accounts();
    return reader_.partitions(engine::PartitionKind::blob, 0, [this](uint64_t blob) {
      look(blob);
      return true;
    });
  }

 private:
  // Also messages of deleted mailboxes, which are still to be purged.
  Result<void> note(AccountId account) {
    const auto refer = [this, account](engine::BlobId blob, uint64_t delivery) {
      known_.insert(reference_hash(blob, MailStore::blob_reference(account, delivery)));
    };
    const auto scan = [&](std::string_view prefix, const engine::RowVisitor& visit) {
      return reader_.scan(account_partition(account), prefix, prefix_end(std::string(prefix)), visit);
    };
    Result<void> done = scan(kFlagsPrefix, [&](std::string_view, std::string_view value) {
      if (const Result<FlagRow> row = decode_flags(value)) refer(row->blob, row->delivery);
      return true;
    });
    if (!done) return done;
    return scan(kKeptPrefix, [&](std::string_view, std::string_view value) {
      if (const Result<KeptRow> row = decode_kept(value)) refer(row->blob, row->delivery);
      return true;
    });
  }

  void look(engine::BlobId blob) {
    const Result<std::vector<std::string>> references = engine::blob_references(reader_, blob);
    if (!references) return;
    std::optional<bool> sound;
    for (const std::string& reference : *references) {
      Orphan orphan{blob, reference, 0, 0, false};
      if (known_.contains(reference_hash(blob, reference)) || !parse_reference(reference, orphan)) continue;
      if (!sound) sound = engine::check_blob(raw_, blob).has_value();
      orphan.sound = *sound;
      to_.bodies.push_back(std::move(orphan));
    }
    if (references->empty() && !marked(blob)) to_.unreferenced.push_back(blob);
  }
  bool marked(engine::BlobId blob) const {
    for (const std::string& hint : {engine::dropped_hint(blob), engine::unfinished_hint(blob)}) {
      const auto there = reader_.get(engine::hints_partition(), hint);
      if (there && *there) return true;
    }
    return false;
  }

  const engine::Reader& raw_;
  const ForgivingReader reader_;
  Orphans& to_;
  std::unordered_set<uint64_t> known_;
};

}  // namespace

Result<Orphans> find_orphans(const engine::Reader& reader, const std::vector<AccountId>& accounts) {
  Orphans found;
  const Result<void> done = OrphanSearch(reader, found).run(accounts);
  if (!done) return std::unexpected(done.error());
  return found;
}

}  // namespace posthouse::store
