// What the catalog is asked.
#include "catalog/catalog.h"

#include <limits>
#include <map>
#include <tuple>

#include "catalog/limits.h"
#include "catalog/trouble.h"

namespace posthouse::catalog {
namespace {

constexpr size_t kMembers = 10'000;  // of a conversation that are told

// Whether who is at `since` was told of what is noted there.
bool was_told(const Position& since, ModSeq position, EmailId email) {
  if (position <= since.modseq) return true;
  return since.goal != 0 && std::tie(position, email) <= std::tie(since.at, since.upto);
}

// Whether it knows a letter that has its last change in the log at `position`. If that was there when the
// first page was read it is only told now.
bool knows(const Position& since, const LogRow& row, ModSeq position, EmailId email) {
  if (row.created <= since.modseq) return true;
  return position > since.goal && was_told(since, row.created, email);
}

std::string first_key_behind(const Position& since) {
  if (since.goal == 0) return log_key(since.modseq, std::numeric_limits<EmailId>::max()) + '\0';
  return log_key(since.at, since.upto) + '\0';
}

// The letters of the log from a position on, net.
class Net {
 public:
  explicit Net(Position since) : since_(since) {}

  struct Fate {
    bool knew = false, there = false;
    ThreadId thread = 0;
  };
  void take(ModSeq position, EmailId email, const LogRow& row) {
    const auto [at, first] = fates_.try_emplace(email);
    if (first) at->second.knew = knows(since_, row, position, email);
    at->second.there = !row.destroyed;
    at->second.thread = row.thread;
  }
  const std::map<EmailId, Fate>& fates() const { return fates_; }
  size_t size() const { return fates_.size(); }

 private:
  Position since_;
  std::map<EmailId, Fate> fates_;
};

// Goes over the log while `wants()`; gives where it stopped, if there is more.
Result<std::optional<LogPlace>> go_over(const engine::Reader& reader, AccountId account, Position since,
                                        const std::function<bool()>& wants, Net& net) {
  Trouble trouble;
  std::optional<LogPlace> last, stopped;
  const Result<void> scanned =
      reader.scan(partition(account), first_key_behind(since), behind(std::string(kLogPrefix)),
                  [&](std::string_view key, std::string_view value) {
                    if (!wants()) {
                      stopped = last;
                      return false;
                    }
                    const auto row = decode_log(value);
                    if (!trouble.good(row)) return false;
                    const LogPlace place = log_place_of(key);
                    net.take(place.position, place.email, *row);
                    last = place;
                    return true;
                  });
  if (auto good = trouble.after(scanned); !good) return std::unexpected(good.error());
  return stopped;
}

Position page_end(const Position& since, const LogPlace& last, ModSeq through) {
  return {since.epoch, since.modseq, since.goal == 0 ? through : since.goal, last.position, last.email};
}

// What became of a conversation of which letters came or went. `knew`: of some that went this is clear.
Result<void> tell_thread(const engine::Reader& reader, AccountId account, Position since, ThreadId thread,
                         bool knew, Changes& out) {
  Trouble trouble;
  bool there = false;
  const std::string prefix = members_prefix(thread);
  const Result<void> scanned = reader.scan(
      partition(account), prefix, behind(prefix), [&](std::string_view key, std::string_view value) {
        const auto row = decode_member(value);
        if (!trouble.good(row)) return false;
        there = there || row->gone == 0;
        const EmailId email = member_of(key);
        const bool was_there = row->gone == 0 || !was_told(since, row->gone, email);
        knew = knew || (was_there && was_told(since, row->created, email));
        return true;
      });
  if (there) (knew ? out.updated : out.created).push_back(thread);
  if (!there && knew) out.destroyed.push_back(thread);
  return trouble.after(scanned);
}

// Puts what happened to letters, net, into a page.
using Tell = Result<void> (*)(const engine::Reader&, AccountId, const Position& since, const Net&, Changes&);

Result<void> tell_emails(const engine::Reader&, AccountId, const Position&, const Net& net,
                         Changes& changes) {
  for (const auto& [email, fate] : net.fates()) {
    if (fate.there) (fate.knew ? changes.updated : changes.created).push_back(email);
    if (!fate.there && fate.knew) changes.destroyed.push_back(email);
  }
  return {};
}

Result<void> tell_threads(const engine::Reader& reader, AccountId account, const Position& since,
                          const Net& net, Changes& changes) {
  std::map<ThreadId, bool> affected;  // whether the client knew it, as far as is clear
  for (const auto& [email, fate] : net.fates()) {
    if (fate.there == fate.knew) continue;  // changed, or came and went
    bool& knew = affected.try_emplace(fate.thread).first->second;
    knew = knew || fate.knew;
  }
  for (const auto& [thread, knew] : affected) {
    if (Result<void> told = tell_thread(reader, account, since, thread, knew, changes); !told) return told;
  }
  return {};
}

// `head`: nothing when the catalog can't say.
Task<Result<std::optional<Changes>>> net_changes(engine::Engine& engine, AccountId account, Position since,
                                                 std::optional<Head> head, size_t most, Tell tell) {
  std::optional<Changes> out;
  if (!head) co_return std::move(out);
  Changes& changes = out.emplace();
  changes.now = {since.epoch, head->through, 0, 0, 0};
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    Net net(since);
    const auto stopped = go_over(reader, account, since, [&] { return net.size() < most; }, net);
    if (!stopped) return std::unexpected(stopped.error());
    changes.more = stopped->has_value();
    if (*stopped) changes.now = page_end(since, **stopped, head->through);
    return tell(reader, account, since, net, changes);
  };
  Result<void> done = co_await engine.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(out);
}

}  // namespace

Task<Result<std::vector<Email>>> Catalog::emails(AccountId account, std::vector<EmailId> ids) {
  std::vector<Email> found;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    std::vector<engine::RowName> names;
    for (const EmailId id : ids) names.push_back({partition(account), email_key(id)});
    Trouble trouble;
    const Result<void> got =
        reader.get_many(names, [&](size_t index, std::optional<std::string_view> record) {
          if (!record) return true;
          auto row = decode_email(*record);
          if (!trouble.good(row)) return false;
          found.push_back({ids[index], row->thread, std::move(row->places)});
          return true;
        });
    return trouble.after(got);
  };
  Result<void> done = co_await engine_.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(found);
}

Task<Result<std::vector<EmailId>>> Catalog::all_ids(AccountId account) {
  std::vector<EmailId> found;
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    const std::string prefix(kEmailPrefix);
    return reader.scan(partition(account), prefix, behind(prefix),
                       [&](std::string_view key, std::string_view) {
                         found.push_back(email_of(key));
                         return true;
                       });
  };
  Result<void> done = co_await engine_.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(found);
}

Task<Result<std::vector<std::vector<EmailId>>>> Catalog::threads(AccountId account,
                                                                 std::vector<ThreadId> ids) {
  std::vector<std::vector<EmailId>> found(ids.size());
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    Trouble trouble;
    for (size_t i = 0; i < ids.size(); ++i) {
      const std::string prefix = members_prefix(ids[i]);
      const Result<void> scanned = reader.scan(partition(account), prefix, behind(prefix),
                                               [&](std::string_view key, std::string_view value) {
                                                 const auto row = decode_member(value);
                                                 if (!trouble.good(row)) return false;
                                                 if (row->gone == 0) found[i].push_back(member_of(key));
                                                 return found[i].size() < kMembers;
                                               });
      if (auto good = trouble.after(scanned); !good) return good;
    }
    return {};
  };
  Result<void> done = co_await engine_.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(found);
}

Task<Result<std::vector<std::pair<Uid, EmailId>>>> Catalog::of_mailbox(AccountId account, MailboxId mailbox) {
  std::vector<std::pair<Uid, EmailId>> found;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    Trouble trouble;
    const std::string prefix = places_prefix(mailbox);
    const Result<void> scanned = reader.scan(partition(account), prefix, behind(prefix),
                                             [&](std::string_view key, std::string_view value) {
                                               const auto email = decode_number(value);
                                               if (!trouble.good(email)) return false;
                                               found.emplace_back(place_of(key).uid, *email);
                                               return true;
                                             });
    return trouble.after(scanned);
  };
  Result<void> done = co_await engine_.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(found);
}

// The head, if the catalog can say what happened since.
Task<Result<std::optional<Head>>> Catalog::head_for(AccountId account, Position since) {
  Result<Head> head = co_await head_of(account);
  if (!head) co_return std::unexpected(head.error());
  std::optional<Head> good;
  const bool known = head->epoch != 0 && head->epoch == since.epoch;
  const ModSeq told = since.goal == 0 ? since.modseq : since.at;
  if (known && told <= head->through && told >= head->forgotten) good = std::move(*head);
  co_return std::move(good);
}

Task<Result<std::optional<Changes>>> Catalog::email_changes(AccountId account, Position since, size_t most) {
  Result<std::optional<Head>> head = co_await head_for(account, since);
  if (!head) co_return std::unexpected(head.error());
  co_return co_await net_changes(engine_, account, since, std::move(*head), most, tell_emails);
}

Task<Result<std::optional<Changes>>> Catalog::thread_changes(AccountId account, Position since, size_t most) {
  Result<std::optional<Head>> head = co_await head_for(account, since);
  if (!head) co_return std::unexpected(head.error());
  co_return co_await net_changes(engine_, account, since, std::move(*head), most, tell_threads);
}

Task<Result<std::optional<MailboxChanges>>> Catalog::mailbox_changes(AccountId account, Position since) {
  std::optional<MailboxChanges> out;
  Result<std::optional<Head>> head = co_await head_for(account, since);
  if (!head) co_return std::unexpected(head.error());
  if (!*head) co_return std::move(out);
  MailboxChanges& changes = out.emplace();
  changes.now = {since.epoch, (*head)->through, 0, 0, 0};
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    Trouble trouble;
    const std::string prefix(kMailboxPrefix);
    const Result<void> scanned = reader.scan(
        partition(account), prefix, behind(prefix), [&](std::string_view key, std::string_view value) {
          const auto row = decode_mailbox(value);
          if (!trouble.good(row)) return false;
          const bool knew = row->created <= since.modseq;
          const bool changed = row->counted > since.modseq;
          if (!row->destroyed && !knew) changes.created.push_back(mailbox_of(key));
          if (row->destroyed && knew && changed) changes.destroyed.push_back(mailbox_of(key));
          if (row->destroyed || !knew || !changed) return true;
          changes.updated.push_back(mailbox_of(key));
          changes.only_counts = changes.only_counts && row->changed <= since.modseq;
          return true;
        });
    return trouble.after(scanned);
  };
  Result<void> done = co_await engine_.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(out);
}

}  // namespace posthouse::catalog
