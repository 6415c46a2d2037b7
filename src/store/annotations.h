// Annotations: small named values of a mailbox, or of an account as a whole (RFC 5464). Their rows, which are
// in the account's partition:
//
//   "B"                          how many there are, how large, and the MODSEQ of the last change
//   "B" mailbox name             one; mailbox 0 is the account as a whole
//
//   "Y" mailbox               those of a mailbox that was deleted, as long as letters of it may come back
//
// docs/formats/database.md describes the records.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "store/types.h"

namespace posthouse::store {

struct AnnotationsRow {
  ModSeq modseq = 0;  // of the last change of any
  uint64_t count = 0;
  uint64_t bytes = 0;  // of names and values
};

struct AnnotationRow {
  ModSeq modseq = 0;       // of the last change
  std::string_view value;  // points into the record
};

inline constexpr std::string_view kAnnotationsKey = "B";
std::string annotation_key(MailboxId mailbox, std::string_view name);
// The range of those of a mailbox.
std::string annotations_begin(MailboxId mailbox);
std::string annotations_end(MailboxId mailbox);
std::string_view annotation_name(std::string_view key);

std::string encode(const AnnotationsRow& row);
std::string encode(const AnnotationRow& row);
Result<AnnotationsRow> decode_annotations(std::string_view record);  // corrupt
Result<AnnotationRow> decode_annotation(std::string_view record);    // corrupt

// Walks over the annotations of an account, or of one mailbox; damaged ones are reported and left out.
// `source`: a Reader or a Transaction, by its scan.
using AnnotationVisitor =
    std::function<void(MailboxId mailbox, std::string_view name, const AnnotationRow& row)>;
using RowScan = std::function<Result<void>(std::string_view begin, std::string_view end,
                                           const engine::RowVisitor& visit)>;
Result<void> for_each_annotation(AccountId account, const RowScan& scan, std::optional<MailboxId> mailbox,
                                 const AnnotationVisitor& visit);

// Inside a transaction step. `modseq`: that of the step's changes.
Result<void> change_annotations(engine::Transaction& rows, MailboxId mailbox,
                                const std::vector<AnnotationChange>& changes, ModSeq modseq);
// Something changed that is told as an annotation and is in another row: the special use of a mailbox.
Result<void> touch_annotations(engine::Transaction& rows, ModSeq modseq);
// Takes all of a mailbox away.
Result<void> erase_annotations(engine::Transaction& rows, MailboxId mailbox, ModSeq modseq);
// `to` gets those of `from`, as far as there is room for them.
Result<void> copy_annotations(engine::Transaction& rows, AccountId account, MailboxId from, MailboxId to,
                              ModSeq modseq);
// Counts anew, and takes those away whose mailbox `wanted` does not know or that can't be read.
Result<void> settle_annotations(engine::Transaction& rows, const std::function<bool(MailboxId)>& wanted,
                                ModSeq modseq);

// ---- of mailboxes that are deleted
inline constexpr std::string_view kKeptAnnotationsPrefix = "Y";
// Before erase_annotations(). Not those for which kMaxAnnotationBytes of an account have no room.
Result<void> keep_annotations(engine::Transaction& rows, AccountId account, MailboxId mailbox,
                              SystemTime when);
// `to` gets those of `from` whose names it does not have, as far as there is room, and they are not kept any
// more.
Result<void> return_annotations(engine::Transaction& rows, MailboxId from, MailboxId to, ModSeq modseq);
// Those that were kept before.
Result<void> purge_annotations(engine::Transaction& rows, SystemTime before);

}  // namespace posthouse::store
