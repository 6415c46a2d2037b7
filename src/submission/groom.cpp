#include "submission/groom.h"

#include "base/ascii.h"
#include "message/address_list.h"
#include "message/date.h"
#include "message/headers.h"
#include "submission/address_text.h"
#include "submission/limits.h"

namespace posthouse::submission {

namespace {

// Fields that are for our eyes only: blind copies (RFC 5322 section 3.6.3), and a Return-Path, which only
// final delivery writes (RFC 5321 section 4.4).
constexpr std::array<std::string_view, 3> kRemoved = {"Bcc", "Resent-Bcc", "Return-Path"};

// Fields that hold addresses, which may lack a domain.
constexpr std::array<std::string_view, 10> kAddressFields = {
    "From",        "Sender",        "Reply-To",  "To",        "Cc",
    "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", "Resent-Reply-To"};

template <size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::any_of(names.begin(), names.end(), [name](std::string_view one) { return iequals(one, name); });
}

// What was seen on the way through the header.
struct Seen {
  size_t from = 0, sender = 0;
  bool date = false, message_id = false, recipients = false;
};

class Grooming {
 public:
  Grooming(std::string_view block, const Groomer& groomer) : block_(block), groomer_(groomer) {
    out_.header.reserve(block.size() + 512);
  }

  Result<Groomed> run(size_t& body_begin) {
    message::HeaderReader reader(block_);
    message::HeaderField field;
    while (reader.next(field)) take(field);
    body_begin = reader.body_begin();
    Result<void> sound = check();
    if (!sound) return std::unexpected(sound.error());
    add_missing();
    out_.header += "\r\n";
    return std::move(out_);
  }

 private:
  void take(const message::HeaderField& field) {
    if (is_one_of(field.name, kRemoved)) return;
    note(field.name);
    if (!is_one_of(field.name, kAddressFields)) {
      keep(field);
      return;
    }
    const std::optional<std::string> completed = complete(field.value);
    std::string_view value = completed ? std::string_view(*completed) : field.value;
    if (iequals(field.name, "From")) collect(value, out_.authors);
    if (iequals(field.name, "Sender")) collect(value, out_.senders);
    if (!completed) {
      keep(field);
      return;
    }
    out_.header += field.name;
    out_.header += ':';
    if (has_long_line(value)) {
      out_.header += fold_list(value);
    } else {
      out_.header += value;
    }
    end_line();
  }

  // A list that is written wrongly may read differently once a domain stands in it, so until nothing changes
  // any more: what is checked here is what the next reader sees.
  std::optional<std::string> complete(std::string_view value) {
    std::optional<std::string> completed;
    if (groomer_.default_domain.empty()) return completed;
    for (size_t round = 0; round < kCompletionRounds; ++round) {
      std::optional<std::string> next = message::complete_addresses(
          completed ? std::string_view(*completed) : value, groomer_.default_domain);
      if (!next || next == completed) return completed;
      completed = std::move(next);
    }
    unsettled_ = true;
    return completed;
  }

  void keep(const message::HeaderField& field) {
    out_.header += block_.substr(field.begin, field.end - field.begin);
    end_line();
  }

  // The last line of a header that just stops may lack its line end.
  void end_line() {
    if (!out_.header.ends_with('\n')) out_.header += "\r\n";
  }

  void note(std::string_view name) {
    if (iequals(name, "From")) ++seen_.from;
    if (iequals(name, "Sender")) ++seen_.sender;
    seen_.date = seen_.date || iequals(name, "Date");
    seen_.message_id = seen_.message_id || iequals(name, "Message-ID");
    seen_.recipients = seen_.recipients || iequals(name, "To") || iequals(name, "Cc");
  }

  void collect(std::string_view value, std::vector<message::Address>& into) {
    ambiguous_ = ambiguous_ || has_double_entry(value);
    for (auto& address : message::mailboxes(value)) {
      if (into.size() <= kMaxAuthors) into.push_back(std::move(address));
    }
  }

  Result<void> check() const {
    // Two From fields let one reader see another author than the next (RFC 5322 section 3.6 allows one).
    if (seen_.from > 1) return fail(FaultKind::syntax, "more than one From field");
    if (seen_.sender > 1) return fail(FaultKind::syntax, "more than one Sender field");
    if (seen_.from == 1 && out_.authors.empty())
      return fail(FaultKind::syntax, "From field without an address");
    if (seen_.sender == 1 && out_.senders.empty()) {
      return fail(FaultKind::syntax, "Sender field without an address");
    }
    if (unsettled_) return fail(FaultKind::syntax, "a list of addresses that can't be read in one way");
    if (ambiguous_) return fail(FaultKind::syntax, "two addresses without a comma in From or Sender");
    if (out_.authors.size() + out_.senders.size() > kMaxAuthors) {
      return fail(FaultKind::syntax, "too many addresses in From");
    }
    return {};
  }

  void add_missing() {
    auto out = std::back_inserter(out_.header);
    if (seen_.from == 0) {
      Result<message::Address> author = message::parse_mailbox(groomer_.login);
      if (author) {
        fmt::format_to(out, "From: {}\r\n", message::format_address(groomer_.display_name, *author, false));
        out_.authors.push_back(std::move(*author));
      }
    }
    if (!seen_.date) fmt::format_to(out, "Date: {}\r\n", message::format_date(groomer_.now));
    if (!seen_.message_id) {
      fmt::format_to(out, "Message-ID: <{}@{}>\r\n", groomer_.message_id_token, groomer_.message_id_domain);
    }
    if (!seen_.recipients) out_.header += "To: undisclosed-recipients:;\r\n";
  }

  std::string_view block_;
  const Groomer& groomer_;
  Seen seen_;
  bool ambiguous_ = false, unsettled_ = false;
  Groomed out_;
};

}  // namespace

Result<Groomed> groom(std::string_view block, const Groomer& groomer, size_t& body_begin) {
  return Grooming(block, groomer).run(body_begin);
}

}  // namespace posthouse::submission
