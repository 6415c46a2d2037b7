#include "app/admin/returned_letter.h"

#include <boost/json.hpp>

#include "app/admin/verbs.h"
#include "base/id.h"
#include "base/log.h"
#include "message/address.h"

namespace posthouse::app {

Task<Result<std::unique_ptr<ReturnedLetter>>> ReturnedLetter::open(Core& core,
                                                                   boost::json::object arguments) {
  auto address = verbs::required(arguments, "address");
  if (!address) co_return std::unexpected(address.error());
  auto key = message::address_key(*address);
  if (!key) co_return std::unexpected(key.error());
  auto account = co_await core.directory.account(*key);
  if (!account) co_return std::unexpected(account.error());
  const auto size = verbs::number(arguments, "size");
  const auto date = verbs::number(arguments, "date");
  if (!size || !date) co_return fail(FaultKind::syntax, "size or date is missing");
  std::unique_ptr<ReturnedLetter> out(new ReturnedLetter(core));
  out->account_ = account->id;
  out->mailbox_ = verbs::text(arguments, "mailbox");
  out->size_ = *size;
  out->message_.internal_date = SystemTime(milliseconds(static_cast<int64_t>(*date)));
  out->message_.flags.system = static_cast<uint8_t>(verbs::number(arguments, "flags").value_or(0));
  out->message_.flags.keywords = verbs::list(arguments, "keywords");
  co_return out;
}

Task<Result<void>> ReturnedLetter::write(std::string piece) {
  summarizer_.feed(piece);
  co_return co_await writer_.append(piece);
}

Task<Result<boost::json::value>> ReturnedLetter::commit() {
  if (writer_.size() != size_)
    co_return fail(FaultKind::corrupt, "the letter has not the size that was told");
  message_.blob = writer_.id();
  message_.size = writer_.size();
  message_.summary = message::encode(summarizer_.finish());
  store::Quota none;
  auto placed = co_await core_.store.append(account_, mailbox_, writer_, message_, none);
  if (!placed) co_return std::unexpected(placed.error());
  log::info("letter.returned",
            {{"account", format_id(account_)}, {"mailbox", mailbox_}, {"uid", placed->uid}});
  boost::json::object out;
  out["mailbox"] = mailbox_;
  out["uid"] = placed->uid;
  out["uid_validity"] = placed->uid_validity;
  co_return out;
}

}  // namespace posthouse::app
