#include "app/moving/export.h"

#include <boost/json.hpp>

#include "app/limits.h"
#include "base/base64.h"
#include "maildir/folder_name.h"

namespace posthouse::app::moving {
namespace {

namespace json = boost::json;

struct Mailbox {
  std::string name;
  bool subscribed = false;
  uint32_t uid_validity = 0;
  uint64_t messages = 0;
};

std::unexpected<Fault> strange_answer(std::string_view verb) {
  return fail(FaultKind::io, fmt::format("{}: the answer is not what was expected", verb));
}

Result<std::string> decoded(const json::value& value) {
  auto bytes = value.is_string() ? base64_decode(value.get_string()) : std::nullopt;
  if (!bytes) return strange_answer("export.letters");
  return std::move(*bytes);
}

template <class Number>
Number number(const json::value& value, bool& bad) {
  json::error_code failed;
  const auto out = value.to_number<Number>(failed);
  if (failed) bad = true;
  return failed ? Number() : out;
}

Result<Outgoing> read_row(const json::value& value) {
  if (!value.is_array() || value.get_array().size() != 6) return strange_answer("export.list");
  const json::array& from = value.get_array();
  bool bad = !from[5].is_array();
  Outgoing out;
  out.uid = number<store::Uid>(from[0], bad);
  out.delivery = number<uint64_t>(from[1], bad);
  out.size = number<uint64_t>(from[2], bad);
  out.date = SystemTime(milliseconds(number<int64_t>(from[3], bad)));
  out.flags.system = number<uint8_t>(from[4], bad);
  if (bad) return strange_answer("export.list");
  for (const json::value& keyword : from[5].get_array()) {
    if (!keyword.is_string()) return strange_answer("export.list");
    out.flags.keywords.emplace_back(keyword.get_string());
  }
  return out;
}

class Exporter {
 public:
  Exporter(control::Admin& admin, const ExportOptions& options) : admin_(admin), options_(options) {}

  Result<MoveOutcome> run(const OpenTarget& open);

 private:
  Result<std::vector<Mailbox>> mailboxes();
  Result<void> run(const Mailbox& mailbox);
  Result<std::vector<Outgoing>> page(uint64_t first);
  Result<void> put(const std::vector<Outgoing>& letters);
  Result<size_t> put_some(const std::vector<Outgoing>& letters, size_t at);
  Result<void> put_one(const Outgoing& letter, std::string begin);
  Result<std::string> piece(store::Uid uid, uint64_t offset);
  void bad(store::Uid uid, const std::string& what) {
    ++out_.skipped_count;
    if (out_.skipped.size() < kMostSkipped) {
      out_.skipped.push_back(uid == 0 ? fmt::format("{}: {}", now_.from, what)
                                      : fmt::format("{} UID {}: {}", now_.from, uid, what));
    }
  }
  // Of the letter itself nothing is lost that anybody reads, but a signature may not hold.
  void changed(store::Uid uid) {
    if (out_.left_out.size() == kMostSkipped) return;
    out_.left_out.push_back(fmt::format("{} UID {}: {}", now_.from, uid, target_->changes()));
  }
  json::object place() const {
    json::object out;
    out["address"] = options_.address;
    out["mailbox"] = now_.from;
    return out;
  }
  void passed(uint64_t more) {
    done_ += more;
    if (options_.progress) options_.progress(done_, total_);
  }

  control::Admin& admin_;
  std::unique_ptr<Target> target_;
  const ExportOptions& options_;
  MoveOutcome out_;
  MovedMailbox now_;
  uint64_t done_ = 0, total_ = 0;
};

Result<std::vector<Mailbox>> Exporter::mailboxes() {
  json::object arguments;
  arguments["address"] = options_.address;
  auto answer = admin_.call("mailbox.list", std::move(arguments), nullptr);
  if (!answer) return std::unexpected(answer.error());
  if (!answer->is_array()) return strange_answer("mailbox.list");
  std::vector<Mailbox> out;
  for (const json::value& value : answer->get_array()) {
    if (!value.is_object()) return strange_answer("mailbox.list");
    const json::object& from = value.get_object();
    const auto *name = from.if_contains("name"), *subscribed = from.if_contains("subscribed"),
               *validity = from.if_contains("uid_validity"), *messages = from.if_contains("messages");
    if (name == nullptr || subscribed == nullptr || validity == nullptr || messages == nullptr ||
        !name->is_string() || !subscribed->is_bool())
      return strange_answer("mailbox.list");
    bool bad = false;
    Mailbox mailbox{std::string(name->get_string()), subscribed->get_bool(), number<uint32_t>(*validity, bad),
                    number<uint64_t>(*messages, bad)};
    if (bad) return strange_answer("mailbox.list");
    const bool wanted = mailbox.name == options_.mailbox ||
                        (maildir::is_inbox(mailbox.name) && maildir::is_inbox(options_.mailbox));
    if (options_.mailbox.empty() || wanted) out.push_back(std::move(mailbox));
  }
  if (out.empty()) return fail(FaultKind::not_found, fmt::format("no such mailbox: {}", options_.mailbox));
  return out;
}

Result<std::vector<Outgoing>> Exporter::page(uint64_t first) {
  std::vector<Outgoing> out;
  if (first > UINT32_MAX) return out;
  json::object arguments = place();
  arguments["first"] = first;
  auto answer = admin_.call("export.list", std::move(arguments), nullptr);
  if (!answer && answer.error().kind == FaultKind::not_found) return out;  // deleted meanwhile
  if (!answer) return std::unexpected(answer.error());
  const auto* messages = answer->is_object() ? answer->get_object().if_contains("messages") : nullptr;
  if (messages == nullptr || !messages->is_array()) return strange_answer("export.list");
  for (const json::value& value : messages->get_array()) {
    auto row = read_row(value);
    if (!row) return std::unexpected(row.error());
    out.push_back(std::move(*row));
  }
  return out;
}

Result<std::string> Exporter::piece(store::Uid uid, uint64_t offset) {
  json::object arguments = place();
  arguments["uid"] = uid;
  arguments["offset"] = offset;
  auto answer = admin_.call("export.piece", std::move(arguments), nullptr);
  if (!answer) return std::unexpected(answer.error());
  const auto* bytes = answer->is_object() ? answer->get_object().if_contains("bytes") : nullptr;
  if (bytes == nullptr) return strange_answer("export.piece");
  return decoded(*bytes);
}

Result<void> Exporter::put_one(const Outgoing& letter, std::string begin) {
  uint64_t at = 0;
  std::optional<Fault> unreadable;
  auto done = target_->put(letter, [&]() -> Result<std::string> {
    if (at >= letter.size) return std::string();
    auto next = at == 0 ? Result<std::string>(std::move(begin)) : piece(letter.uid, at);
    if (next && next->empty()) next = fail(FaultKind::corrupt, "it ends too soon");
    if (!next) unreadable = next.error();
    if (next) at += next->size();
    return next;
  });
  if (done) ++now_.moved;
  if (done && !target_->is_exact()) changed(letter.uid);
  const bool here =
      unreadable && (unreadable->kind == FaultKind::corrupt || unreadable->kind == FaultKind::not_found);
  if (done || !here) return done;
  bad(letter.uid, unreadable->what);
  return {};
}

// Gives how many of them are dealt with.
Result<size_t> Exporter::put_some(const std::vector<Outgoing>& letters, size_t at) {
  json::array uids;
  for (size_t i = at; i < letters.size() && uids.size() < kExportPage; ++i) uids.emplace_back(letters[i].uid);
  const size_t asked = uids.size();
  json::object arguments = place();
  arguments["uids"] = std::move(uids);
  auto answer = admin_.call("export.letters", std::move(arguments), nullptr);
  if (!answer && answer.error().kind == FaultKind::not_found) return asked;
  if (!answer) return std::unexpected(answer.error());
  const auto* rows = answer->is_object() ? answer->get_object().if_contains("letters") : nullptr;
  if (rows == nullptr || !rows->is_array()) return strange_answer("export.letters");
  size_t passed = 0;
  for (const json::value& value : rows->get_array()) {
    if (!value.is_array() || value.get_array().size() < 2) return strange_answer("export.letters");
    const json::array& row = value.get_array();
    bool wrong = false;
    const auto uid = number<store::Uid>(row[0], wrong);
    while (!wrong && passed < asked && letters[at + passed].uid != uid) ++passed;  // these went meanwhile
    if (wrong || passed == asked) return strange_answer("export.letters");
    const Outgoing& letter = letters[at + passed++];
    if (row[1].is_null()) {
      bad(uid, row.size() > 2 && row[2].is_string() ? std::string(row[2].get_string()) : "unreadable");
      continue;
    }
    auto bytes = decoded(row[1]);
    if (!bytes) return std::unexpected(bytes.error());
    if (auto done = put_one(letter, std::move(*bytes)); !done) return std::unexpected(done.error());
  }
  return rows->get_array().empty() ? asked : passed;
}

Result<void> Exporter::put(const std::vector<Outgoing>& letters) {
  for (size_t at = 0; at < letters.size();) {
    auto some = put_some(letters, at);
    if (!some) return std::unexpected(some.error());
    at += *some;
    passed(*some);
  }
  return {};
}

Result<void> Exporter::run(const Mailbox& mailbox) {
  now_ = MovedMailbox{mailbox.name, mailbox.name};
  if (auto opened = target_->open(mailbox.name, mailbox.subscribed, mailbox.uid_validity); !opened) {
    const FaultKind kind = opened.error().kind;
    if (kind != FaultKind::syntax && kind != FaultKind::exists && kind != FaultKind::policy) return opened;
    bad(0, opened.error().what);
    return {};
  }
  for (uint64_t first = 1;;) {
    auto letters = page(first);
    if (!letters) return std::unexpected(letters.error());
    if (letters->empty()) break;
    first = uint64_t{letters->back().uid} + 1;
    std::vector<Outgoing> missing;
    for (Outgoing& letter : *letters) {
      ++now_.read;
      auto there = target_->has(letter);
      if (!there) return std::unexpected(there.error());
      if (*there) {
        ++now_.there;
        passed(1);
      } else {
        missing.push_back(std::move(letter));
      }
    }
    if (auto done = put(missing); !done) return done;
  }
  auto closed = target_->close();
  out_.mailboxes.push_back(now_);
  return closed;
}

Result<MoveOutcome> Exporter::run(const OpenTarget& open) {
  auto all = mailboxes();
  if (!all) return std::unexpected(all.error());
  auto target = open();
  if (!target) return std::unexpected(target.error());
  target_ = std::move(*target);
  for (const Mailbox& mailbox : *all) total_ += mailbox.messages;
  for (const Mailbox& mailbox : *all) {
    if (auto done = run(mailbox); !done) return std::unexpected(done.error());
  }
  return std::move(out_);
}

}  // namespace

Result<MoveOutcome> export_letters(control::Admin& admin, const OpenTarget& open,
                                   const ExportOptions& options) {
  return Exporter(admin, options).run(open);
}

}  // namespace posthouse::app::moving
