#include "app/admin/letter_batch.h"

#include <boost/json.hpp>

#include "app/admin/verbs.h"
#include "app/limits.h"
#include "base/log.h"

namespace posthouse::app {

namespace json = boost::json;

Task<Result<std::unique_ptr<LetterBatch>>> LetterBatch::open(Core& core, json::object arguments) {
  verbs::Context context{core, nullptr, nullptr, nullptr};
  auto account = co_await verbs::find_account(context, arguments);
  if (!account) co_return std::unexpected(account.error());
  std::unique_ptr<LetterBatch> out(new LetterBatch(core));
  out->account_ = account->id;
  out->mailbox_ = verbs::text(arguments, "mailbox");
  out->returned_ = verbs::flag(arguments, "returned");
  out->more_ = verbs::flag(arguments, "more");
  const auto* letters = arguments.if_contains("letters");
  if (letters == nullptr || !letters->is_array() || letters->get_array().empty() ||
      letters->get_array().size() > kImportTogether)
    co_return fail(FaultKind::syntax, "no letters, or too many");
  for (const json::value& letter : letters->get_array()) {
    if (auto described = out->describe(letter); !described) co_return std::unexpected(described.error());
  }
  out->begin();
  co_return out;
}

Result<void> LetterBatch::describe(const json::value& value) {
  const auto wrong = [] { return fail(FaultKind::syntax, "a letter is not described as expected"); };
  if (!value.is_array() || value.get_array().size() != 4) return wrong();
  const json::array& from = value.get_array();
  json::error_code failed;
  Letter letter;
  letter.size = from[0].to_number<uint64_t>(failed);
  if (failed) return wrong();
  letter.message.internal_date = SystemTime(milliseconds(from[1].to_number<int64_t>(failed)));
  if (failed) return wrong();
  letter.message.flags.system = from[2].to_number<uint8_t>(failed);
  if (failed || !from[3].is_array()) return wrong();
  for (const json::value& keyword : from[3].get_array()) {
    if (!keyword.is_string()) return wrong();
    letter.message.flags.keywords.emplace_back(keyword.get_string());
  }
  letters_.push_back(std::move(letter));
  return {};
}

// The next letter that has bytes.
void LetterBatch::begin() {
  for (; at_ < letters_.size(); end()) {
    Letter& letter = letters_[at_];
    letter.writer = std::make_unique<engine::BlobWriter>(core_.engine, core_.ids.next());
    summarizer_ = message::Summarizer();
    if (letter.size > 0) return;
  }
}

void LetterBatch::end() {
  letters_[at_].message.summary = message::encode(summarizer_.finish());
  ++at_;
}

Task<Result<void>> LetterBatch::write(std::string piece) {
  std::string_view rest = piece;
  while (!rest.empty()) {
    if (at_ == letters_.size()) co_return fail(FaultKind::corrupt, "more bytes than were told");
    Letter& letter = letters_[at_];
    const std::string_view part = rest.substr(0, letter.size - letter.writer->size());
    rest.remove_prefix(part.size());
    summarizer_.feed(part);
    auto written = co_await letter.writer->append(part);
    if (!written) co_return written;
    if (letter.writer->size() < letter.size) continue;
    end();
    begin();
  }
  co_return Result<void>();
}

Task<Result<json::value>> LetterBatch::commit() {
  if (at_ < letters_.size()) co_return fail(FaultKind::corrupt, "fewer bytes than were told");
  std::vector<store::MailStore::Arriving> arriving;
  for (Letter& letter : letters_) arriving.push_back({letter.writer.get(), std::move(letter.message)});
  auto placed =
      co_await core_.store.append_all(account_, mailbox_, std::move(arriving), store::Quota(), more_);
  if (!placed) co_return std::unexpected(placed.error());
  for (const store::Placed& one : returned_ ? *placed : std::vector<store::Placed>()) {
    log::info("letter.returned", {{"account", format_id(account_)}, {"mailbox", mailbox_}, {"uid", one.uid}});
  }
  log::debug("letters.imported",
             {{"account", format_id(account_)}, {"mailbox", mailbox_}, {"letters", placed->size()}});
  json::object out;
  out["placed"] = placed->size();
  co_return out;
}

}  // namespace posthouse::app
