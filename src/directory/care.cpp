// Whether the directory's rows agree with each other, and putting in order what others of them still tell.
#include <map>
#include <utility>

#include "base/id.h"
#include "directory/impl.h"
#include "engine/record.h"

namespace posthouse::directory {

namespace {

constexpr size_t kRowsAtOnce = 1000;  // written by one transaction

// One look at all rows. `put`: the rows that would mend something.
class Care {
 public:
  Care(const engine::Reader& reader, SystemTime now) : reader_(reader), now_(now) {}

  Result<void> look() {
    Result<void> done =
        each("a", [this](std::string_view key, std::string_view value) { account(key, value); });
    if (done) done = each("n", [this](std::string_view key, std::string_view value) { name(key, value); });
    if (done) done = each("d", [this](std::string_view key, std::string_view value) { domain(key, value); });
    if (done) done = count();
    return done;
  }

  std::vector<std::string> problems;  // sentences; those that `put` mends say what is done
  std::vector<std::string> mended;
  std::map<std::string, std::string> put;

 private:
  template <class Look>
  Result<void> each(const std::string& prefix, const Look& look) {
    return reader_.scan(kPartition, prefix, after(prefix),
                        [&look](std::string_view key, std::string_view value) {
                          look(key, value);
                          return true;
                        });
  }
  template <class Value>
  Result<std::optional<Value>> find(const std::string& key, Result<Value> (*decode)(std::string_view)) const {
    const Result<std::optional<std::string>> row = reader_.get(kPartition, key);
    if (!row) return std::unexpected(row.error());
    if (!row->has_value()) return std::optional<Value>();
    Result<Value> value = decode(**row);
    if (!value) return std::unexpected(value.error());
    return std::optional<Value>(std::move(*value));
  }
  void mend(std::string key, std::string row, const std::string& what, const std::string& done) {
    if (!put.try_emplace(std::move(key), std::move(row)).second) return;
    mended.push_back(done);
    problems.push_back(what);
  }
  void need_domain(std::string_view address);
  void account(std::string_view key, std::string_view value);
  void name(std::string_view key, std::string_view value);
  void domain(std::string_view key, std::string_view value);
  Result<void> count();

  const engine::Reader& reader_;
  const SystemTime now_;
  AccountId highest_ = 0;
};

void Care::need_domain(std::string_view address) {
  const std::string name(domain_part(address));
  const auto found = find(domain_row(name), decode_domain);
  if (!found) return problems.push_back(fmt::format("domain {}: {}", name, found.error().what));
  if (*found) return;
  Domain made;
  made.name = name;
  mend(domain_row(name), encode(made), fmt::format("the domain of {} is not there", address),
       fmt::format("domain {} was added again: its catch-all, quotas and store are to be set anew", name));
}

void Care::account(std::string_view key, std::string_view value) {
  const AccountId id = key.size() == 9 ? engine::read_key_u64(key.substr(1)) : 0;
  const Result<Account> row = decode_account(value);
  highest_ = std::max(highest_, id);
  if (!row || row->id != id)
    return problems.push_back(fmt::format("the row of account {} is damaged", format_id(id)));
  need_domain(row->address);
  const auto named = find(name_row(row->address), decode_name);
  if (!named) return problems.push_back(fmt::format("{}: {}", row->address, named.error().what));
  if (!*named) {
    mend(name_row(row->address), encode(NameRecord{id, {}}),
         row->address + " leads to nobody, and is an account's",
         row->address + " leads to its account again");
  } else if ((*named)->account != id) {
    problems.push_back(fmt::format("{} leads to somebody else than the account of this name", row->address));
  }
  const auto credential = find(credential_row(id), decode_credential);
  if (!credential || (!*credential && !row->shared)) {
    problems.push_back(
        fmt::format("{0} has no password: set one with `posthouse account password {0}`", row->address));
  }
}

void Care::name(std::string_view key, std::string_view value) {
  const std::string address = address_of(key);
  const Result<NameRecord> row = decode_name(value);
  if (!row) return problems.push_back(fmt::format("the row of {} is damaged", address));
  need_domain(address);
  if (row->account == 0) return;
  const auto there = find(account_row(row->account), decode_account);
  if (!there) return problems.push_back(fmt::format("the account of {}: {}", address, there.error().what));
  if (*there) return;
  highest_ = std::max(highest_, row->account);
  Account made;
  made.id = row->account;
  made.address = address;
  made.created = now_;
  const Result<std::optional<std::string>> admin = reader_.get(kPartition, admin_row(row->account));
  made.admin = admin && admin->has_value();
  mend(account_row(row->account), encode(made),
       fmt::format("{} leads to an account that is not there", address),
       fmt::format("account {} was made again: its name and quotas are to be set anew", address));
}

void Care::domain(std::string_view key, std::string_view value) {
  if (!decode_domain(value))
    problems.push_back(fmt::format("the row of domain {} is damaged", key.substr(1)));
}

// A number is never given twice.
Result<void> Care::count() {
  const auto next = find(std::string(kNextIdRow), decode_number);
  if (next && (next->value_or(1) > highest_)) return {};
  mend(std::string(kNextIdRow), encode_number(highest_ + 1), "the number of the next account is not known",
       "the number of the next account was found again");
  return {};
}

}  // namespace

Task<Result<std::vector<std::string>>> Directory::check() {
  std::vector<std::string> problems;
  auto look = [&problems](const engine::Reader& reader) -> Result<void> {
    Care care(reader, SystemTime());
    Result<void> done = care.look();
    problems = std::move(care.problems);
    if (!done) problems.push_back("the directory of accounts: " + done.error().what);
    return {};
  };
  Result<void> done = co_await impl_->engine.read(look);
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(problems);
}

Task<Result<std::vector<std::string>>> Directory::repair() {
  std::vector<std::string> mended;
  std::vector<std::pair<std::string, std::string>> put;
  auto look = [this, &mended, &put](const engine::Reader& reader) -> Result<void> {
    Care care(reader, impl_->clock.now());
    Result<void> done = care.look();
    mended = std::move(care.mended);
    put.assign(care.put.begin(), care.put.end());
    return done;
  };
  Result<void> done = co_await impl_->engine.read(look);
  if (!done) co_return std::unexpected(done.error());
  for (size_t at = 0; at < put.size(); at += kRowsAtOnce) {
    auto write = [&put, at](engine::Transaction& rows) -> Result<void> {
      for (size_t i = at; i < std::min(at + kRowsAtOnce, put.size()); ++i)
        rows.put(put[i].first, put[i].second);
      return {};
    };
    done = co_await impl_->change(write);
    if (!done) co_return std::unexpected(done.error());
  }
  co_return std::move(mended);
}

}  // namespace posthouse::directory
