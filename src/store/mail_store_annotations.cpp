// Annotations of mailboxes and accounts (RFC 5464), and the special use that one of them is (RFC 6154).
#include <algorithm>

#include "store/annotations.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"

namespace posthouse::store {

Task<Result<std::vector<Annotation>>> MailStore::annotations(AccountId account, MailboxId mailbox) {
  std::vector<Annotation> found;
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    const RowScan scan = [&](std::string_view begin, std::string_view end, const engine::RowVisitor& visit) {
      return reader.scan(account_partition(account), begin, end, visit);
    };
    return for_each_annotation(account, scan, mailbox,
                               [&](MailboxId, std::string_view name, const AnnotationRow& row) {
                                 found.push_back({std::string(name), std::string(row.value)});
                               });
  };
  Result<void> done = co_await impl_->engine.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(found);
}

Task<Result<std::optional<MailStore::AnnotationNames>>> MailStore::annotation_names(AccountId account,
                                                                                    ModSeq known) {
  std::optional<AnnotationNames> found;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    const Result<std::optional<std::string>> record = reader.get(account_partition(account), kAnnotationsKey);
    if (!record) return std::unexpected(record.error());
    const Result<AnnotationsRow> counted = *record ? decode_annotations(**record) : AnnotationsRow();
    if (!counted) return std::unexpected(counted.error());
    if (counted->modseq == known) return {};
    AnnotationNames& names = found.emplace();
    names.modseq = counted->modseq;
    const RowScan scan = [&](std::string_view begin, std::string_view end, const engine::RowVisitor& visit) {
      return reader.scan(account_partition(account), begin, end, visit);
    };
    return for_each_annotation(account, scan, std::nullopt,
                               [&](MailboxId mailbox, std::string_view name, const AnnotationRow& row) {
                                 names.all.emplace(std::pair(mailbox, std::string(name)), row.modseq);
                               });
  };
  Result<void> done = co_await impl_->engine.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(found);
}

Task<Result<MailStore::Annotated>> MailStore::annotate(AccountId account, MailboxId mailbox,
                                                       std::vector<AnnotationChange> changes,
                                                       std::optional<Role> role) {
  Annotated done;
  std::function<Result<void>(AccountEdit&)> work = [&](AccountEdit& edit) -> Result<void> {
    done = Annotated();
    done.modseq = edit.modseq();
    bool role_changes = false;
    if (mailbox != 0) {
      const Result<MailboxRow*> row = edit.mailbox(mailbox);
      if (!row) return std::unexpected(row.error());
      role_changes = role && (*row)->role != *role;
      if (role_changes) {
        const Result<std::optional<MailboxId>> loser = edit.give_role(**row, *role);
        if (!loser) return std::unexpected(loser.error());
        done.loser = *loser;
      }
    }
    Result<void> changed = change_annotations(edit.rows(), mailbox, changes, done.modseq);
    if (changed && role_changes) changed = touch_annotations(edit.rows(), done.modseq);
    return changed;
  };
  Result<void> edited = co_await impl_->edit(account, std::move(work));
  if (!edited) co_return std::unexpected(edited.error());
  co_return std::move(done);
}

}  // namespace posthouse::store
