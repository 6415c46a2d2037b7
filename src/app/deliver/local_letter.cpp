#include "app/deliver/local_letter.h"

#include "base/clock.h"
#include "message/date.h"
#include "message/headers.h"

namespace posthouse::app {
namespace {

// Longer than any mbox line: what has no line end by then is none.
constexpr size_t kLongestFirstLine = 1000;

Task<Result<void>> check(Core& core, message::Address recipient) {
  auto verdict = co_await core.acceptance.check(recipient);
  if (!verdict) co_return std::unexpected(verdict.error());
  std::string who = recipient.to_string();
  switch (*verdict) {
    case acceptance::Verdict::accepted:
      co_return Result<void>();
    case acceptance::Verdict::relay:
      co_return fail(FaultKind::policy, who + ": not an address of this host");
    case acceptance::Verdict::unknown_user:
      co_return fail(FaultKind::not_found, who + ": no such user");
    case acceptance::Verdict::disabled:
      co_return fail(FaultKind::policy, who + ": the account is disabled");
    case acceptance::Verdict::over_quota:
      co_return fail(FaultKind::over_quota, who + ": mailbox full");
    case acceptance::Verdict::try_later:
      break;
  }
  co_return fail(FaultKind::temporary, who + ": can't tell now");
}

Result<message::Address> parse_address(const std::string& given, const std::string& default_domain) {
  bool qualified = given.find('@') != std::string::npos;
  auto address = message::parse_mailbox(qualified ? given : given + "@" + default_domain);
  if (!address) return fail(FaultKind::syntax, fmt::format("{}: {}", given, address.error().what));
  return address;
}

}  // namespace

std::string LineEnds::convert(std::string_view piece) {
  std::string out;
  out.reserve(piece.size() + piece.size() / 32 + 2);
  for (char c : piece) {
    if (c == '\n') {
      if (!after_cr_) out += "\r\n";
      after_cr_ = false;
    } else if (c == '\r') {
      out += "\r\n";
      after_cr_ = true;
    } else {
      out += c;
      after_cr_ = false;
    }
  }
  return out;
}

Task<Result<std::unique_ptr<LocalLetter>>> LocalLetter::open(Core& core, std::string hostname,
                                                             std::string default_domain,
                                                             LocalEnvelope envelope) {
  acceptance::Envelope accepted;
  accepted.session_id = "local";
  accepted.eight_bit = true;
  if (!envelope.sender.empty()) {
    auto sender = parse_address(envelope.sender, default_domain);
    if (!sender) co_return std::unexpected(sender.error());
    accepted.reverse_path = sender->to_string();
    accepted.utf8 = !sender->is_ascii();
  }
  for (size_t i = 0; i < envelope.recipients.size(); ++i) {
    auto recipient = parse_address(envelope.recipients[i], default_domain);
    if (!recipient) co_return std::unexpected(recipient.error());
    auto good = co_await check(core, *recipient);
    if (!good) co_return std::unexpected(good.error());
    accepted.utf8 = accepted.utf8 || !recipient->is_ascii();
    accepted.recipients.push_back(std::move(*recipient));
  }
  if (accepted.recipients.empty()) co_return fail(FaultKind::syntax, "no recipient");
  std::unique_ptr<LocalLetter> out(new LocalLetter(core.acceptance.begin(std::move(accepted))));
  // RFC 5321 section 4.4: the trace line; there is no host it came from but this one.
  std::string trace = fmt::format("Received: by {} with local id {};\r\n\t{}\r\n", hostname, out->queue_id(),
                                  message::format_date(core.clock.now()));
  auto written = co_await out->letter_->write(trace);
  if (!written) co_return std::unexpected(written.error());
  co_return out;
}

Task<Result<void>> LocalLetter::write_body(std::string bytes) {
  std::string ready = start_.feed(bytes);
  co_return co_await letter_->write(ready);
}

Task<Result<void>> LocalLetter::write(std::string piece) {
  std::string bytes = ends_.convert(piece);
  if (in_first_line_) {
    first_line_ += bytes;
    size_t end = first_line_.find("\r\n");
    if (end == std::string::npos && first_line_.size() < kLongestFirstLine) co_return Result<void>();
    in_first_line_ = false;
    bytes = std::move(first_line_);
    first_line_.clear();
    if (end != std::string::npos && message::is_mbox_line(std::string_view(bytes).substr(0, end))) {
      bytes.erase(0, end + 2);
    }
  }
  co_return co_await write_body(std::move(bytes));
}

Task<Result<void>> LocalLetter::commit() {
  if (!first_line_.empty()) {
    std::string rest = std::move(first_line_);
    auto written = co_await write_body(std::move(rest));
    if (!written) co_return std::unexpected(written.error());
  }
  std::string rest = start_.finish();
  auto written = co_await letter_->write(rest);
  if (!written) co_return std::unexpected(written.error());
  co_return co_await letter_->commit();
}

}  // namespace posthouse::app
