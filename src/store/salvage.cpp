#include "store/salvage.h"

#include <map>

#include <fmt/format.h>

#include "store/annotations.h"
#include "store/expunged_row.h"
#include "store/keywords.h"
#include "store/pending_flags.h"
#include "store/rows.h"

namespace posthouse::store {

namespace {

class Salvager {
 public:
  Salvager(const engine::Reader& reader, AccountId account, const LetterVisitor& visit)
      : reader_(reader), partition_(account_partition(account)), visit_(visit) {}

  Result<void> run() {
    Result<void> done = read_names();
    // With flags first, then those of which only the other row is there.
    if (done) done = scan(kFlagsPrefix, [this](auto key, auto value) { return flagged(key, value); });
    if (done) done = scan("R", [this](auto key, auto value) { return recorded(key, value); });
    return done;
  }

  Result<void> annotations(const AnnotationTaker& take) {
    Result<void> done = read_names();
    if (!done) return done;
    return scan(kAnnotationsKey, [&](auto key, auto value) -> Result<void> {
      if (key == kAnnotationsKey) return {};
      const Result<AnnotationRow> row = decode_annotation(value);
      const MailboxId mailbox = mailbox_of_key(key);
      const bool known = mailbox == 0 || names_.contains(mailbox);
      if (!row || !known) return {};
      return take(mailbox == 0 ? std::string() : names_.at(mailbox), annotation_name(key), row->value);
    });
  }

 private:
  using Take = std::function<Result<void>(std::string_view key, std::string_view value)>;
  Result<void> scan(std::string_view prefix, const Take& take) const {
    Result<void> inside;
    const Result<void> done = reader_.scan(partition_, prefix, prefix_end(std::string(prefix)),
                                           [&](std::string_view key, std::string_view value) {
                                             inside = take(key, value);
                                             return inside.has_value();
                                           });
    return done ? inside : done;
  }

  Result<void> read_names() {
    Result<void> done = scan(kMailboxPrefix, [this](auto key, auto value) -> Result<void> {
      if (const auto row = decode_mailbox(mailbox_of_key(key), value))
        names_[mailbox_of_key(key)] = row->name;
      return {};
    });
    if (!done) return done;
    return scan(kNamePrefix, [this](auto key, auto value) -> Result<void> {
      const Result<MailboxId> id = decode_mailbox_id(value);
      if (id) names_.try_emplace(*id, key.substr(kNamePrefix.size()));
      return {};
    });
  }
  std::string name_of(MailboxId mailbox) const {
    const auto found = names_.find(mailbox);
    return found != names_.end() ? found->second : fmt::format("Recovered {}", mailbox);
  }

  const std::vector<std::string>& keywords_of(MailboxId mailbox) {
    const auto [it, fresh] = keywords_.try_emplace(mailbox);
    if (!fresh) return it->second;
    const auto record = reader_.get(partition_, keywords_key(mailbox));
    if (!record || !*record) return it->second;
    if (auto names = decode_keywords(**record)) it->second = std::move(*names);
    return it->second;
  }

  // Expunged, and only its rows are still there.
  bool is_hidden(std::string_view key) {
    const MailboxId mailbox = mailbox_of_key(key);
    const auto [it, fresh] = hidden_.try_emplace(mailbox);
    if (fresh) {
      const auto record = reader_.get(partition_, expunged_key(mailbox));
      Result<ExpungedRow> row = record && *record ? decode_expunged(**record) : ExpungedRow();
      if (row) it->second = std::move(*row);
    }
    return it->second.contains(uid_of_key(key));
  }

  const PendingFlags& pending_of(MailboxId mailbox) {
    const auto [it, fresh] = pending_.try_emplace(mailbox);
    if (!fresh) return it->second;
    const auto record = reader_.get(partition_, pending_key(mailbox));
    Result<PendingFlags> row = record && *record ? decode_pending(**record) : PendingFlags();
    if (row) it->second = std::move(*row);
    return it->second;
  }

  Result<void> flagged(std::string_view key, std::string_view value) {
    if (is_hidden(key)) return {};
    Result<FlagRow> row = decode_flags(value);
    if (!row) return {};  // perhaps its other row is there
    pending_of(mailbox_of_key(key)).apply(uid_of_key(key), *row);
    SalvagedLetter letter;
    letter.mailbox = name_of(mailbox_of_key(key));
    letter.uid = uid_of_key(key);
    letter.flags.system = row->system;
    const std::vector<std::string>& names = keywords_of(mailbox_of_key(key));
    for (const uint8_t number : row->keywords) {
      if (number < names.size()) letter.flags.keywords.push_back(names[number]);
    }
    letter.internal_date = row->internal_date;
    letter.size = row->size;
    letter.blob = row->blob;
    return visit_(letter);
  }

  Result<void> recorded(std::string_view key, std::string_view value) {
    if (is_hidden(key)) return {};
    const Result<MessageRow> row = decode_message(value);
    if (!row) return {};
    const auto flags = reader_.get(partition_, flags_key(mailbox_of_key(key), uid_of_key(key)));
    if (flags && *flags && decode_flags(**flags)) return {};
    SalvagedLetter letter;
    letter.mailbox = name_of(mailbox_of_key(key));
    letter.uid = uid_of_key(key);
    letter.internal_date = row->internal_date;
    letter.size = row->size;
    letter.blob = row->blob;
    return visit_(letter);
  }

  const engine::Reader& reader_;
  engine::Partition partition_;
  const LetterVisitor& visit_;
  std::map<MailboxId, std::string> names_;
  std::map<MailboxId, std::vector<std::string>> keywords_;
  std::map<MailboxId, ExpungedRow> hidden_;
  std::map<MailboxId, PendingFlags> pending_;
};

}  // namespace

Result<void> salvage_letters(const engine::Reader& reader, AccountId account, const LetterVisitor& visit) {
  return Salvager(reader, account, visit).run();
}

Result<void> salvage_annotations(const engine::Reader& reader, AccountId account,
                                 const AnnotationTaker& take) {
  const LetterVisitor none;
  return Salvager(reader, account, none).annotations(take);
}

}  // namespace posthouse::store
