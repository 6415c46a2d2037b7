#include "store/survey.h"

#include <algorithm>

#include "base/id.h"
#include "message/summary.h"
#include "store/annotations.h"
#include "store/change_rows.h"
#include "store/damage.h"
#include "store/file_rows.h"
#include "store/mail_store_impl.h"
#include "store/rights.h"

namespace posthouse::store {

namespace {

class Surveyor {
 public:
  Surveyor(AccountId account, Survey& to) : account_(account), to_(to) {}

  void see(std::string_view key, std::string_view value) {
    switch (key.empty() ? '\0' : key[0]) {
      case 'A':
        return see_head(value);
      case 'N':
        return see_name(key, value);
      case 'M':
        return see_mailbox(of(key), value);
      case 'F':
        return see_flags(of(key), key, value);
      case 'E':
        return see_hidden(of(key), key, value);
      case 'B':
        return see_annotation(key, value);
      case 'I':
        // Only its number must not come again; settle_rights() sees to the rest.
        to_.last_mailbox = std::max(to_.last_mailbox, mailbox_of_key(key));
        return;
      case 'J':
        to_.last_mailbox = std::max(to_.last_mailbox, mailbox_of_given(key));
        return;
      case 'D':
        of(key).dying = true;
        return;
      case 'R':
      case 'K':
        of(key).last = std::max(of(key).last, key[0] == 'R' ? uid_of_key(key) : 0);
        return;
      case 'C':
        return see_change(key, value);
      case 'X':
        return see_kept(key, value);
      case 'L':
        of(key).last = std::max(of(key).last, uid_of_key(key));
        return;
      case 'O':
        to_.last_effect = std::max(to_.last_effect, number_of_effect(key));
        return;
      case 'P':
        to_.in_files = true;
        return;
      default:
        return;
    }
  }

  void see_pending(std::string_view key, std::string_view value) {
    Result<PendingFlags> row = decode_pending(value);
    if (row) {
      SeenMailbox& mailbox = of(key);
      for (const PendingFlags::Part& part : row->parts) {
        mailbox.last = std::max(mailbox.last, part.uids.last());
        to_.modseq = std::max(to_.modseq, part.modseq);
      }
      mailbox.pending = std::move(*row);
      return;
    }
    to_.misleading.emplace_back(key);
    damaged(row.error(), mailbox_of_key(key), 0);
  }

 private:
  SeenMailbox& of(std::string_view key) {
    const MailboxId id = mailbox_of_key(key);
    to_.last_mailbox = std::max(to_.last_mailbox, id);
    return to_.mailboxes[id];
  }
  void damaged(const Fault& fault, MailboxId mailbox, Uid uid) const {
    report_damage(fault, account_, mailbox, uid);
  }
  void see_head(std::string_view value) {
    const Result<HeadRow> head = decode_head(value);
    if (!head) return damaged(head.error(), 0, 0);
    to_.head = *head;
    to_.has_head = true;
    to_.modseq = std::max(to_.modseq, head->modseq);
    to_.uid_validity = std::max(to_.uid_validity, head->last_uid_validity);
  }
  void see_name(std::string_view key, std::string_view value) {
    to_.names.emplace_back(key.substr(kNamePrefix.size()));
    const Result<MailboxId> id = decode_mailbox_id(value);
    if (!id) return damaged(id.error(), 0, 0);
    to_.mailboxes[*id].name = to_.names.back();
    to_.last_mailbox = std::max(to_.last_mailbox, *id);
  }
  void see_mailbox(SeenMailbox& mailbox, std::string_view value) {
    Result<MailboxRow> row = decode_mailbox(0, value);
    if (!row) return damaged(row.error(), 0, 0);
    to_.modseq = std::max({to_.modseq, row->highest_modseq, row->forgotten});
    to_.uid_validity = std::max(to_.uid_validity, row->uid_validity);
    mailbox.row = std::move(*row);
  }
  // The log goes anyway: only its numbers must not come again.
  void see_change(std::string_view key, std::string_view value) {
    SeenMailbox& mailbox = of(key);
    mailbox.last = std::max(mailbox.last, uid_of_key(key));
    to_.modseq = std::max(to_.modseq, modseq_of_key(key));
    const Result<ChangeRow> row = decode_change(uid_of_key(key), value);
    if (!row) return damaged(row.error(), mailbox_of_key(key), uid_of_key(key));
    mailbox.last = std::max(mailbox.last, row->last());
  }
  // Only their numbers must not come again; settle_annotations() sees to the rest.
  void see_annotation(std::string_view key, std::string_view value) {
    if (key == kAnnotationsKey) {
      if (const Result<AnnotationsRow> row = decode_annotations(value))
        to_.modseq = std::max(to_.modseq, row->modseq);
      return;
    }
    const Result<AnnotationRow> row = decode_annotation(value);
    if (!row) return damaged(row.error(), mailbox_of_key(key), 0);
    to_.modseq = std::max(to_.modseq, row->modseq);
    to_.last_mailbox = std::max(to_.last_mailbox, mailbox_of_key(key));
  }
  // They come before the messages that they hide.
  void see_hidden(SeenMailbox& mailbox, std::string_view key, std::string_view value) {
    Result<ExpungedRow> row = decode_expunged(value);
    if (!row) {
      to_.misleading.emplace_back(key);
      return damaged(row.error(), mailbox_of_key(key), 0);
    }
    for (const ExpungedRow::Part& part : row->parts) mailbox.last = std::max(mailbox.last, part.uids.last());
    mailbox.hidden = std::move(*row);
  }
  void see_flags(SeenMailbox& mailbox, std::string_view key, std::string_view value) {
    mailbox.last = std::max(mailbox.last, uid_of_key(key));
    Result<FlagRow> row = decode_flags(value);
    if (row) mailbox.pending.apply(uid_of_key(key), *row);
    if (mailbox.hidden.contains(uid_of_key(key))) {
      if (row) to_.deliveries.insert(row->delivery);
      return;
    }
    ++mailbox.exists;
    if (!row) return damaged(row.error(), mailbox_of_key(key), uid_of_key(key));
    mailbox.bytes += row->size;
    mailbox.unseen += (row->system & kSeen) == 0 ? 1 : 0;
    mailbox.deleted += (row->system & kDeleted) != 0 ? 1 : 0;
    for (const uint8_t number : row->keywords)
      mailbox.keywords = std::max<size_t>(mailbox.keywords, number + 1u);
    to_.modseq = std::max({to_.modseq, row->modseq, row->created});
    to_.deliveries.insert(row->delivery);
  }

  // They come after all messages, which win: one that was put back, and whose expunge came back, is there.
  void see_kept(std::string_view key, std::string_view value) {
    const KeptPlace place = kept_place(key);
    SeenMailbox& mailbox = to_.mailboxes[place.mailbox];
    mailbox.last = std::max(mailbox.last, place.uid);
    to_.last_mailbox = std::max(to_.last_mailbox, place.mailbox);
    const Result<KeptRow> row = decode_kept(value);
    if (!row) damaged(row.error(), place.mailbox, place.uid);
    if (row && !to_.deliveries.insert(row->delivery).second) {
      to_.misleading.emplace_back(key);
      return;
    }
    ++to_.kept_messages;
    if (row) to_.kept_bytes += row->size;
  }

  AccountId account_;
  Survey& to_;
};

struct Flagged {
  Uid uid = 0;
  ModSeq created = 0;
};

class HalfMessages {
 public:
  HalfMessages(const engine::Reader& reader, AccountId account, MailboxId mailbox,
               std::unordered_set<uint64_t>& deliveries)
      : reader_(reader), account_(account), mailbox_(mailbox), deliveries_(deliveries) {}

  Result<std::vector<Repair>> find();

 private:
  Result<void> compare(const std::vector<Flagged>& flags);
  void restore_flags(Uid uid, std::string_view record, ModSeq created);
  void restore_record(Uid uid);
  std::string summarize(engine::BlobId blob, uint64_t size, Uid uid) const;
  Result<std::optional<uint64_t>> free_delivery(engine::BlobId blob) const;

  const engine::Reader& reader_;
  AccountId account_;
  MailboxId mailbox_;
  std::unordered_set<uint64_t>& deliveries_;
  std::vector<Repair> out_;
};

Result<std::vector<Repair>> HalfMessages::find() {
  std::vector<Flagged> flags;
  ModSeq created = 0;
  Result<void> done = reader_.scan(account_partition(account_), flags_key(mailbox_, 0),
                                   flags_end(mailbox_, UINT32_MAX), [&](auto key, auto value) {
                                     const Result<FlagRow> row = decode_flags(value);
                                     if (row) created = std::max(created, row->created);
                                     flags.push_back({uid_of_key(key), created});
                                     return true;
                                   });
  if (done) done = compare(flags);
  if (!done) return std::unexpected(done.error());
  return std::move(out_);
}

Result<void> HalfMessages::compare(const std::vector<Flagged>& flags) {
  auto next = flags.begin();
  ModSeq created = 0;
  const auto pass_to = [&](Uid uid) {
    for (; next != flags.end() && next->uid < uid; ++next) {
      restore_record(next->uid);
      created = next->created;
    }
  };
  Result<void> done =
      reader_.scan(account_partition(account_), message_key(mailbox_, 0), message_end(mailbox_, UINT32_MAX),
                   [&](std::string_view key, std::string_view value) {
                     const Uid uid = uid_of_key(key);
                     pass_to(uid);
                     if (next != flags.end() && next->uid == uid) {
                       created = next++->created;
                     } else {
                       restore_flags(uid, value, created);
                     }
                     return true;
                   });
  if (done) {
    for (; next != flags.end(); ++next) restore_record(next->uid);
  }
  return done;
}

// A reference of this account to the body that no other message has.
Result<std::optional<uint64_t>> HalfMessages::free_delivery(engine::BlobId blob) const {
  const Result<std::vector<std::string>> references = engine::blob_references(reader_, blob);
  if (!references) return std::unexpected(references.error());
  const std::string prefix = "a" + format_id(account_) + ".";
  for (const std::string& reference : *references) {
    if (!reference.starts_with(prefix)) continue;
    const std::optional<uint64_t> delivery = parse_id(std::string_view(reference).substr(prefix.size()));
    if (delivery && !deliveries_.contains(*delivery)) return delivery;
  }
  return std::nullopt;
}

void HalfMessages::restore_flags(Uid uid, std::string_view record, ModSeq created) {
  const Result<MessageRow> message = decode_message(record);
  if (!message) return report_damage(message.error(), account_, mailbox_, uid);
  const Result<std::optional<uint64_t>> delivery = free_delivery(message->blob);
  if (!delivery) return report_damage(delivery.error(), account_, mailbox_, uid);
  if (!*delivery) {
    out_.push_back({message_key(mailbox_, uid), std::nullopt});
    return;
  }
  deliveries_.insert(**delivery);
  FlagRow row;
  row.modseq = created;
  row.created = created;
  row.size = message->size;
  row.internal_date = message->internal_date;
  row.blob = message->blob;
  row.delivery = **delivery;
  out_.push_back({flags_key(mailbox_, uid), encode(row)});
}

void HalfMessages::restore_record(Uid uid) {
  const auto found = reader_.get(account_partition(account_), flags_key(mailbox_, uid));
  if (!found || !*found) return;
  const Result<FlagRow> row = decode_flags(**found);
  if (!row) return;  // told by the survey
  // Of a letter in a file the next look makes both rows anew.
  const std::string reference = MailStore::blob_reference(account_, row->delivery);
  const Result<bool> known =
      row->blob == 0 ? Result<bool>(false) : engine::has_reference(reader_, row->blob, reference);
  if (!known) return report_damage(known.error(), account_, mailbox_, uid);
  if (!*known) {
    out_.push_back({flags_key(mailbox_, uid), std::nullopt});
    return;
  }
  const std::string summary = summarize(row->blob, row->size, uid);
  MessageRow message;
  message.summary = summary;
  message.blob = row->blob;
  message.size = row->size;
  message.internal_date = row->internal_date;
  out_.push_back({message_key(mailbox_, uid), encode(message)});
}

// As it was made when the message came in; "" when the body can't be read either.
std::string HalfMessages::summarize(engine::BlobId blob, uint64_t size, Uid uid) const {
  message::Summarizer summarizer;
  for (uint64_t at = 0; at < size; at += engine::kBlobChunk) {
    const Result<std::string> piece = engine::read_blob(reader_, blob, at, engine::kBlobChunk);
    if (!piece) {
      report_damage(piece.error(), account_, mailbox_, uid);
      return "";
    }
    summarizer.feed(*piece);
  }
  return message::encode(summarizer.finish());
}

}  // namespace

Result<Survey> survey_account(const engine::Reader& reader, AccountId account) {
  Survey survey;
  Surveyor surveyor(account, survey);
  // What is to be told of messages before they are seen.
  Result<void> done =
      reader.scan(account_partition(account), kPendingPrefix, prefix_end(std::string(kPendingPrefix)),
                  [&](std::string_view key, std::string_view value) {
                    surveyor.see_pending(key, value);
                    return true;
                  });
  if (!done) return std::unexpected(done.error());
  done = reader.scan(account_partition(account), "", "", [&](std::string_view key, std::string_view value) {
    surveyor.see(key, value);
    return true;
  });
  if (!done) return std::unexpected(done.error());
  survey.mailboxes.erase(0);  // of keys that are none
  const Result<std::optional<std::string>> hint =
      reader.get(engine::hints_partition(), hint_key(kFilesHint, account));
  if (!hint) return std::unexpected(hint.error());
  survey.in_files = survey.has_head ? survey.head.in_files : survey.in_files || *hint;
  return survey;
}

Result<std::vector<Repair>> find_half_messages(const engine::Reader& reader, AccountId account,
                                               MailboxId mailbox, std::unordered_set<uint64_t>& deliveries) {
  return HalfMessages(reader, account, mailbox, deliveries).find();
}

Result<std::vector<Repair>> find_strays(const engine::Reader& reader, AccountId account, MailboxId mailbox) {
  const engine::Partition partition = account_partition(account);
  std::vector<Repair> out;
  std::vector<Uid> located;
  Result<void> done = reader.scan(partition, location_key(mailbox, 0), location_end(mailbox, UINT32_MAX),
                                  [&](std::string_view key, std::string_view value) {
                                    if (decode_location(value)) {
                                      located.push_back(uid_of_key(key));
                                    } else {
                                      out.push_back({std::string(key), std::nullopt});
                                    }
                                    return true;
                                  });
  if (!done) return std::unexpected(done.error());
  auto next = located.begin();
  const auto stray_below = [&](uint64_t uid) {
    for (; next != located.end() && *next < uid; ++next)
      out.push_back({location_key(mailbox, *next), std::nullopt});
  };
  done = reader.scan(partition, flags_key(mailbox, 0), flags_end(mailbox, UINT32_MAX),
                     [&](std::string_view key, std::string_view value) {
                       const Uid uid = uid_of_key(key);
                       stray_below(uid);
                       const bool is_located = next != located.end() && *next == uid;
                       if (is_located) ++next;
                       const Result<FlagRow> row = decode_flags(value);
                       if (is_located || (row && row->blob != 0)) return true;
                       out.push_back({std::string(key), std::nullopt});
                       out.push_back({message_key(mailbox, uid), std::nullopt});
                       return true;
                     });
  if (!done) return std::unexpected(done.error());
  stray_below(uint64_t{UINT32_MAX} + 1);
  return out;
}

}  // namespace posthouse::store
