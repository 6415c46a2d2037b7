// Where letters will be in the files that are not there yet.
#include "engine/blob.h"
#include "mirror/impl.h"

namespace posthouse::mirror {

namespace {

// Those of `uids` that have no place in the files; with the fields of theirs that place_to_be() needs, but
// for the bytes.
struct Missing {
  Driver::Put put;
  uint64_t blob = 0;
};

Result<std::vector<Missing>> find_missing(const engine::Reader& reader, AccountId account, MailboxId mailbox,
                                          const std::vector<Uid>& uids) {
  const store::AccountView view(reader, account, store::AccountView::Expunged::shown);
  std::vector<Missing> out;
  for (const Uid uid : uids) {
    const Result<std::optional<std::string>> there =
        reader.get(store::account_partition(account), store::location_key(mailbox, uid));
    if (!there) return std::unexpected(there.error());
    if (*there) continue;
    const Result<std::optional<store::FlagRow>> row = view.message(mailbox, uid);
    if (!row) return std::unexpected(row.error());
    Missing one;
    one.put.uid = uid;
    if (*row) {
      one.put.delivery = (*row)->delivery;
      one.put.date = (*row)->internal_date;
      one.put.size = (*row)->size;
      one.blob = (*row)->blob;
    }
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace

Task<Result<store::PlacesToBe>> Mirror::places_to_be(AccountId id, MailboxId mailbox, std::vector<Uid> uids) {
  const std::shared_ptr<Impl> impl = impl_;
  std::vector<Missing> missing;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    Result<std::vector<Missing>> found = find_missing(reader, id, mailbox, uids);
    if (!found) return std::unexpected(found.error());
    missing = std::move(*found);
    return {};
  };
  Result<void> seen = co_await impl->engine.read(std::move(look));
  if (!seen) co_return std::unexpected(seen.error());
  store::PlacesToBe places;
  if (missing.empty()) co_return std::move(places);
  Result<std::shared_ptr<Account>> found = co_await impl->account(id);
  if (!found && found.error().kind == FaultKind::not_found) co_return std::move(places);  // it left
  if (!found) co_return std::unexpected(found.error());
  Driver& driver = *(*found)->driver;
  co_await offload(impl->files, [&] {
    for (Missing& one : missing) {
      std::string& place = places[one.put.uid];
      if (one.blob == 0) continue;
      one.put.bytes = [&](uint64_t offset, uint64_t length) {
        return engine::read_blob(impl->engine, one.blob, offset, length);
      };
      place = driver.place_to_be(one.put).value_or("");
    }
  });
  co_return std::move(places);
}

}  // namespace posthouse::mirror
