#include "app/backup/present_letters.h"

#include <boost/json.hpp>

namespace posthouse::app::backup {
namespace {

namespace json = boost::json;

json::object place(const std::string& address, const std::string& mailbox) {
  json::object out;
  out["address"] = address;
  out["mailbox"] = mailbox;
  return out;
}

struct Row {
  store::Uid uid = 0;
  uint64_t delivery = 0, blob = 0, size = 0;
  int64_t date = 0;  // milliseconds since 1970
};

constexpr int64_t kSecond = 1'000;

int64_t whole_seconds(int64_t date) {
  return std::chrono::floor<seconds>(milliseconds(date)).count();
}

// An mbox has whole seconds only: a date that was there once has lost what is beyond.
bool is_same_date(int64_t one, int64_t other) {
  return one == other ||
         (whole_seconds(one) == whole_seconds(other) && (one % kSecond == 0 || other % kSecond == 0));
}

std::optional<Row> row_of(const json::value& value) {
  if (!value.is_array() || value.get_array().size() != 5) return std::nullopt;
  const json::array& from = value.get_array();
  json::error_code failed;
  Row out;
  out.uid = from[0].to_number<store::Uid>(failed);
  if (!failed) out.delivery = from[1].to_number<uint64_t>(failed);
  if (!failed) out.blob = from[2].to_number<uint64_t>(failed);
  if (!failed) out.size = from[3].to_number<uint64_t>(failed);
  if (!failed) out.date = from[4].to_number<int64_t>(failed);
  if (failed) return std::nullopt;
  return out;
}

}  // namespace

Result<void> PresentLetters::add(control::Admin& admin, const std::string& address,
                                 const std::string& mailbox) {
  for (uint64_t first = 1; first <= UINT32_MAX;) {
    json::object arguments = place(address, mailbox);
    arguments["first"] = first;
    auto answer = admin.call("restore.list", std::move(arguments), nullptr);
    if (!answer && answer.error().kind == FaultKind::not_found) return {};
    if (!answer) return std::unexpected(answer.error());
    const auto* messages = answer->is_object() ? answer->get_object().if_contains("messages") : nullptr;
    if (messages == nullptr || !messages->is_array()) return fail(FaultKind::io, "restore.list: no list");
    if (messages->get_array().empty()) return {};
    for (const auto& message : messages->get_array()) {
      const auto row = row_of(message);
      if (!row) return fail(FaultKind::io, "restore.list: a row is not what was expected");
      first = uint64_t{row->uid} + 1;
      deliveries_.insert(row->delivery);
      if (in_backup_.contains(row->delivery)) continue;
      // One in a file has no body to share.
      if (row->blob != 0) by_blob_.emplace(row->blob, later_.size());
      by_shape_.emplace(Shape(row->size, whole_seconds(row->date)), later_.size());
      later_.push_back({mailbox, row->uid, row->date, false});
    }
  }
  return {};
}

Result<bool> PresentLetters::same_bytes(control::Admin& admin, const std::string& address, const Later& later,
                                        uint64_t checksum) const {
  json::object arguments = place(address, later.mailbox);
  arguments["uid"] = later.uid;
  auto answer = admin.call("restore.checksum", std::move(arguments), nullptr);
  if (!answer) return std::unexpected(answer.error());
  const auto* value = answer->is_object() ? answer->get_object().if_contains("checksum") : nullptr;
  if (value == nullptr) return false;  // expunged meanwhile
  json::error_code failed;
  return value->to_number<uint64_t>(failed) == checksum && !failed;
}

Result<bool> PresentLetters::take(control::Admin& admin, const std::string& address,
                                  const store::Entry& letter,
                                  const std::function<Result<uint64_t>()>& checksum) {
  if (deliveries_.contains(letter.delivery)) return true;
  for (auto [at, end] = by_blob_.equal_range(letter.blob); at != end; ++at) {
    if (!std::exchange(later_[at->second].used, true)) return true;
  }
  const int64_t date = letter.internal_date.time_since_epoch().count();
  const auto [begin, end] = by_shape_.equal_range(Shape(letter.size, whole_seconds(date)));
  std::vector<Later*> alike;
  for (auto at = begin; at != end; ++at) {
    Later& later = later_[at->second];
    if (!later.used && is_same_date(later.date, date)) alike.push_back(&later);
  }
  std::ranges::partition(alike, [&](const Later* later) { return later->date == date; });
  for (Later* later : alike) {
    auto wanted = checksum();
    if (!wanted) return std::unexpected(wanted.error());
    auto same = same_bytes(admin, address, *later, *wanted);
    if (!same) return same;
    if (!*same) continue;
    later->used = true;
    return true;
  }
  return false;
}

}  // namespace posthouse::app::backup
