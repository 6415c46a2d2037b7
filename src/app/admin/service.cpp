#include "app/admin/service.h"

#include "app/admin/verbs.h"
#include "base/log.h"

namespace posthouse::app {
namespace {

using verbs::Answer;

struct Verb {
  std::string_view name;
  Task<Answer> (*run)(verbs::Context, verbs::Arguments);
};

constexpr Verb kVerbs[] = {
    {"account.add", verbs::account_add},
    {"account.app_password_add", verbs::account_app_password_add},
    {"account.app_password_list", verbs::account_app_password_list},
    {"account.app_password_remove", verbs::account_app_password_remove},
    {"account.change", verbs::account_change},
    {"account.list", verbs::account_list},
    {"account.password", verbs::account_password},
    {"account.remove", verbs::account_remove},
    {"account.show", verbs::account_show},
    {"alias.add", verbs::alias_add},
    {"alias.change", verbs::alias_change},
    {"alias.list", verbs::alias_list},
    {"alias.remove", verbs::alias_remove},
    {"alias.show", verbs::alias_show},
    {"backup.snapshot", verbs::backup_snapshot},
    {"domain.add", verbs::domain_add},
    {"domain.change", verbs::domain_change},
    {"domain.list", verbs::domain_list},
    {"domain.recount", verbs::domain_recount},
    {"domain.remove", verbs::domain_remove},
    {"domain.show", verbs::domain_show},
    {"export.letters", verbs::export_letters},
    {"export.list", verbs::export_list},
    {"export.piece", verbs::export_piece},
    {"import.flags", verbs::import_flags},
    {"import.present", verbs::import_present},
    {"mailbox.acl_delete", verbs::mailbox_acl_delete},
    {"mailbox.acl_list", verbs::mailbox_acl_list},
    {"mailbox.acl_set", verbs::mailbox_acl_set},
    {"mailbox.expunged", verbs::mailbox_expunged},
    {"mailbox.list", verbs::mailbox_list},
    {"mailbox.purge", verbs::mailbox_purge},
    {"mailbox.undelete", verbs::mailbox_undelete},
    {"queue.bounce", verbs::queue_bounce},
    {"queue.delete", verbs::queue_delete},
    {"queue.hold", verbs::queue_hold},
    {"queue.list", verbs::queue_list},
    {"queue.release", verbs::queue_release},
    {"queue.retry", verbs::queue_retry},
    {"queue.set_aside", verbs::queue_set_aside},
    {"queue.show", verbs::queue_show},
    {"restore.account", verbs::restore_account},
    {"restore.checksum", verbs::restore_checksum},
    {"restore.end", verbs::restore_end},
    {"restore.list", verbs::restore_list},
    {"restore.mailbox", verbs::restore_mailbox},
    {"restore.annotations", verbs::restore_annotations},
    {"restore.rights", verbs::restore_rights},
    {"search.rebuild", verbs::search_rebuild},
    {"search.status", verbs::search_status},
    {"status", verbs::status},
    {"store.check", verbs::store_check},
    {"store.repair", verbs::store_repair},
    {"store.convert", verbs::store_convert},
};

}  // namespace

Task<Result<boost::json::value>> AdminService::execute(std::string verb, boost::json::object arguments,
                                                       Progress progress) {
  const auto* found =
      std::find_if(std::begin(kVerbs), std::end(kVerbs), [&](const Verb& v) { return v.name == verb; });
  if (found == std::end(kVerbs)) co_return fail(FaultKind::syntax, "unknown verb " + verb);
  verbs::Context context{core_, transport_, locked_out_, std::move(progress)};
  auto answer = co_await found->run(std::move(context), std::move(arguments));
  if (answer &&
      (verb.starts_with("restore.") || verb.starts_with("import.") || verb.starts_with("export."))) {
    log::debug("admin.done", {{"verb", verb}});  // many for the letters that are told (LetterBatch)
  } else if (answer) {
    log::info("admin.done", {{"verb", verb}});
  } else {
    log::warn("admin.failed", {{"verb", verb}, {"reason", answer.error().what}});
  }
  co_return answer;
}

std::vector<std::string_view> AdminService::verbs() {
  std::vector<std::string_view> out;
  for (const Verb& verb : kVerbs) out.push_back(verb.name);
  return out;
}

}  // namespace posthouse::app
