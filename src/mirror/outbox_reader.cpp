#include "mirror/outbox_reader.h"

#include <algorithm>

namespace posthouse::mirror {

using RowKind = store::EffectRow::Kind;

bool stands_alone(RowKind kind) {
  return kind == RowKind::rename || kind == RowKind::erase;
}

bool is_part(const std::vector<Effect>& effects) {
  const auto is_put = [](const Effect& effect) { return effect.row.kind == RowKind::put; };
  return effects.size() >= kEffectsTogether ||
         static_cast<size_t>(std::ranges::count_if(effects, is_put)) >= kPutsTogether;
}

namespace {

// Reads the rows of an outbox, and of each the message it is about.
class OutboxReader {
 public:
  OutboxReader(const engine::Reader& reader, AccountId account, KeptBack& kept_back)
      : reader_(reader), account_(account), view_(reader, account), kept_back_(kept_back) {}

  Result<std::vector<Effect>> read(uint64_t from, bool& cut) {
    std::vector<Effect> effects;
    cut = false;
    size_t puts = 0;
    const std::string end = store::prefix_end(std::string(store::kEffectPrefix));
    const Result<void> scanned =
        reader_.scan(store::account_partition(account_), store::effect_key(from), end,
                     [&](std::string_view key, std::string_view value) {
                       Effect effect;
                       effect.number = store::number_of_effect(key);
                       Result<store::EffectRow> row = store::decode_effect(value);
                       if (row && kept_back_.holds(*row)) {
                         kept_back_.add(*row, effect.number);
                         return true;
                       }
                       cut = row && stands_alone(row->kind);
                       if (cut && !effects.empty()) return false;
                       if (row) {
                         if (row->kind == RowKind::put) ++puts;
                         effect.row = std::move(*row);
                       } else {
                         effect.done = std::unexpected(row.error());
                       }
                       effects.push_back(std::move(effect));
                       return !cut && effects.size() < kEffectsTogether && puts < kPutsTogether;
                     });
    if (!scanned) return std::unexpected(scanned.error());
    const Result<void> known = read_rows(effects);
    if (!known) return std::unexpected(known.error());
    for (Effect& effect : effects) {
      const Result<void> filled = fill(effect);
      if (!filled) return std::unexpected(filled.error());
    }
    const Result<void> named = name_as_in_files(effects, cut);
    if (!named) return std::unexpected(named.error());
    return effects;
  }

 private:
  // A mailbox that is renamed further on in the outbox still has its name of before.
  Result<void> name_as_in_files(std::vector<Effect>& effects, bool cut) {
    std::map<MailboxId, std::string> before;  // the next rename, seen from the end
    if (!effects.empty() && (cut || is_part(effects))) {
      const Result<void> rest = note_renames(effects.back().number + 1, before);
      if (!rest) return rest;
    }
    for (const auto& [mailbox, name] : kept_back_.old_names()) before[mailbox] = name;
    for (auto effect = effects.rbegin(); effect != effects.rend(); ++effect) {
      const store::EffectRow& row = effect->row;
      if (row.kind == RowKind::rename) before[row.mailbox] = row.name;
      const auto renamed = before.find(row.mailbox);
      const bool by_name_now = row.kind == RowKind::put || row.kind == RowKind::flags;
      if (by_name_now && !effect->mailbox.empty() && renamed != before.end())
        effect->mailbox = renamed->second;
    }
    return {};
  }

  // The first of each mailbox.
  Result<void> note_renames(uint64_t from, std::map<MailboxId, std::string>& out) {
    return reader_.scan(store::account_partition(account_), store::effect_key(from),
                        store::prefix_end(std::string(store::kEffectPrefix)),
                        [&](std::string_view, std::string_view value) {
                          const Result<store::EffectRow> row = store::decode_effect(value);
                          if (row && row->kind == RowKind::rename) out.try_emplace(row->mailbox, row->name);
                          return true;
                        });
  }

  // What all effects of a mailbox need to know of it; no info: it is gone.
  struct Mailbox {
    std::optional<store::MailboxInfo> info;
    store::KeywordTable keywords;
  };

  Result<const Mailbox*> look_up(MailboxId mailbox) {
    const auto [at, first] = mailboxes_.try_emplace(mailbox);
    if (!first) return &at->second;
    Result<store::MailboxInfo> info = view_.mailbox(mailbox);
    if (!info && info.error().kind == FaultKind::not_found) return &at->second;
    if (!info) return std::unexpected(info.error());
    Result<store::KeywordTable> keywords = view_.keywords(mailbox);
    if (!keywords) return std::unexpected(keywords.error());
    at->second = {std::move(*info), std::move(*keywords)};
    return &at->second;
  }

  // Letters that came together have UIDs in a row: their rows are read in one go.
  Result<void> read_rows(const std::vector<Effect>& effects) {
    std::map<MailboxId, std::vector<Uid>> wanted;
    for (const Effect& effect : effects) {
      const bool of_message = effect.row.kind == RowKind::put || effect.row.kind == RowKind::flags;
      if (effect.done && of_message) wanted[effect.row.mailbox].push_back(effect.row.uid);
    }
    for (auto& [mailbox, uids] : wanted) {
      std::ranges::sort(uids);
      const auto doubled = std::ranges::unique(uids);
      uids.erase(doubled.begin(), doubled.end());
      const size_t span = uids.back() - uids.front() + size_t{1};
      if (uids.size() < kReadAlone || span / 2 > uids.size()) continue;
      const Result<void> read = read_rows(mailbox, uids);
      if (!read) return read;
    }
    return {};
  }

  Result<void> read_rows(MailboxId mailbox, const std::vector<Uid>& uids) {
    Rows& rows = rows_[mailbox];
    const Result<void> read = view_.for_these(
        mailbox, uids, [&](Uid uid, const store::FlagRow& row) { rows.messages.emplace(uid, row); });
    if (!read) return read;
    Result<void> good;
    const Result<void> scanned = reader_.scan(
        store::account_partition(account_), store::location_key(mailbox, uids.front()),
        store::location_end(mailbox, uids.back()), [&](std::string_view key, std::string_view record) {
          const Uid uid = store::uid_of_key(key);
          if (!rows.messages.contains(uid)) return true;
          Result<std::string> location = store::decode_location(record);
          if (location) rows.locations.emplace(uid, std::move(*location));
          if (!location) good = std::unexpected(location.error());
          return location.has_value();
        });
    return good ? scanned : good;
  }

  // Sets what the rows of a message say.
  Result<void> fill_message(Effect& effect) {
    const MailboxId mailbox = effect.row.mailbox;
    const auto read = rows_.find(mailbox);
    if (read != rows_.end()) {
      const auto row = read->second.messages.find(effect.row.uid);
      effect.there = row != read->second.messages.end();
      if (!effect.there) return {};
      effect.message = row->second;
      const auto location = read->second.locations.find(effect.row.uid);
      if (location != read->second.locations.end()) effect.location = location->second;
      return {};
    }
    const Result<std::optional<store::FlagRow>> row = view_.message(mailbox, effect.row.uid);
    if (!row) return std::unexpected(row.error());
    effect.there = row->has_value();
    if (!effect.there) return {};
    effect.message = **row;
    const Result<std::optional<std::string>> record =
        reader_.get(store::account_partition(account_), store::location_key(mailbox, effect.row.uid));
    if (!record) return std::unexpected(record.error());
    if (!*record) return {};
    Result<std::string> location = store::decode_location(**record);
    if (!location) return std::unexpected(location.error());
    effect.location = std::move(*location);
    return {};
  }

  Result<void> fill_remove(Effect& effect) {
    effect.mailbox = effect.row.to;
    const Result<const Mailbox*> known = look_up(effect.row.mailbox);
    if (!known) return std::unexpected(known.error());
    if ((*known)->info) effect.uid_next = (*known)->info->uid_next;
    return {};
  }

  Result<void> fill(Effect& effect) {
    if (effect.row.kind == RowKind::remove) return fill_remove(effect);
    if (!effect.done || (effect.row.kind != RowKind::put && effect.row.kind != RowKind::flags)) return {};
    const MailboxId mailbox = effect.row.mailbox;
    const Result<const Mailbox*> known = look_up(mailbox);
    if (!known) return std::unexpected(known.error());
    if (!(*known)->info) return {};
    const store::MailboxInfo& info = *(*known)->info;
    effect.mailbox = info.name;
    effect.uid_validity = info.uid_validity;
    effect.uid_next = info.uid_next;
    effect.messages = info.exists;
    const Result<void> filled = fill_message(effect);
    if (!filled || !effect.there) return filled;
    effect.flags = (*known)->keywords.flags(effect.message.system, effect.message.keywords);
    return {};
  }

  struct Rows {
    std::unordered_map<Uid, store::FlagRow> messages;
    std::unordered_map<Uid, std::string> locations;
  };

  const engine::Reader& reader_;
  AccountId account_;
  store::AccountView view_;
  std::map<MailboxId, Mailbox> mailboxes_;
  std::map<MailboxId, Rows> rows_;  // of messages that are read together
  KeptBack& kept_back_;
};

}  // namespace

Result<std::vector<Effect>> read_effects(const engine::Reader& reader, AccountId account, uint64_t from,
                                         KeptBack& kept_back, bool& cut) {
  return OutboxReader(reader, account, kept_back).read(from, cut);
}

}  // namespace posthouse::mirror
