#include "store/mail_store.h"

#include <algorithm>

#include "engine/record.h"
#include "store/limits.h"
#include "store/mail_store_impl.h"
#include "store/names.h"

namespace posthouse::store {

MailStore::MailStore(engine::Engine& engine, const Clock& clock, Random& random, uint32_t kept_expunges,
                     bool keep_expunged)
    : impl_(std::make_unique<Impl>(engine, clock, random, kept_expunges, keep_expunged)) {}

MailStore::~MailStore() = default;

Task<Result<void>> MailStore::Impl::edit(AccountId account, std::function<Result<void>(AccountEdit&)> work) {
  std::vector<engine::Step> steps;
  steps.push_back(edit_step(account, std::move(work)));
  Result<void> done = co_await engine.transact(std::move(steps));
  co_return done;
}

Task<Result<void>> MailStore::Impl::view(AccountId account,
                                         std::function<Result<void>(const AccountView&)> look) {
  std::function<Result<void>(const engine::Reader&)> job = [account, &look](const engine::Reader& reader) {
    const AccountView seen(reader, account);
    return look(seen);
  };
  Result<void> done = co_await engine.read(std::move(job));
  co_return done;
}

std::string hint_key(std::string_view prefix, AccountId account) {
  std::string key(prefix);
  engine::append_key_u64(key, account);
  return key;
}

Result<std::vector<AccountId>> hinted_accounts(const engine::Reader& reader, std::string_view prefix) {
  std::vector<AccountId> found;
  const Result<void> scanned =
      reader.scan(engine::hints_partition(), prefix, prefix_end(std::string(prefix)),
                  [&](std::string_view key, std::string_view) {
                    if (key.size() == prefix.size() + 8)
                      found.push_back(engine::read_key_u64(key.substr(prefix.size())));
                    return true;
                  });
  if (!scanned) return std::unexpected(scanned.error());
  return found;
}

Task<Result<std::vector<AccountId>>> MailStore::Impl::hinted(std::string_view prefix) {
  Result<std::vector<AccountId>> found;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    found = hinted_accounts(reader, prefix);
    return found ? Result<void>() : std::unexpected(found.error());
  };
  Result<void> done = co_await engine.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(found);
}

std::string MailStore::blob_reference(AccountId account, uint64_t delivery_id) {
  return "a" + format_id(account) + "." + format_id(delivery_id);
}

std::unique_ptr<engine::Watch> MailStore::watch(AccountId account, std::function<void()> changed) {
  return impl_->engine.watch(account_partition(account), std::move(changed));
}

}  // namespace posthouse::store
