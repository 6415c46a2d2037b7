#include "transport/notices.h"

#include "base/id.h"
#include "base/log.h"
#include "message/report.h"
#include "message/summary.h"
#include "transport/body.h"
#include "transport/limits.h"

namespace posthouse::transport {

namespace {

// Where the header ends: after the empty line, or at the end.
size_t header_size(std::string_view text) {
  const size_t end = text.find("\r\n\r\n");
  return end == std::string_view::npos ? text.size() : end + 2;
}

// In the head of a notice, which is ours: one unfolded field.
void replace_subject(std::string& head, std::string_view subject) {
  constexpr std::string_view kField = "\r\nSubject: ";
  const size_t begin = head.find(kField);
  const size_t end = begin == std::string::npos ? begin : head.find("\r\n", begin + kField.size());
  if (end != std::string::npos) head.replace(begin + kField.size(), end - begin - kField.size(), subject);
}

// A host's words, as far as they fit.
std::string fit(std::string text, size_t limit) {
  if (text.size() <= limit) return text;
  text.resize(limit);
  return text + "...";
}

message::Address address_of(const std::string& text) {
  auto parsed = message::parse_mailbox(text);
  return parsed ? std::move(*parsed) : message::Address{};
}

message::ReportRecipient describe(const queue::Letter& letter, const Finding& finding, SystemTime now) {
  message::ReportRecipient out;
  out.final = address_of(finding.recipient.address);
  if (!finding.recipient.original.empty()) {
    const bool typed = finding.recipient.original.find(';') != std::string::npos;
    out.original = (typed ? "" : "rfc822;") + finding.recipient.original;
  }
  out.action = finding.fate == Fate::failed ? message::ReportAction::failed : message::ReportAction::delayed;
  out.status = finding.recipient.last_status;
  // Only what a mail host said is a diagnostic (RFC 3464 section 2.3.6); our own reasons are for people.
  if (!finding.answer.host.empty() && finding.answer.code != 0) {
    out.remote_mta = finding.answer.host;
    out.diagnostic = finding.recipient.last_reply;
  } else {
    out.reason = finding.answer.text;
  }
  out.last_attempt = now;
  if (finding.fate != Fate::failed) out.will_retry_until = letter.expires;
  return out;
}

// The step, with a note of its fault: the transaction tells only that it failed.
engine::Step noted(engine::Step step, std::shared_ptr<std::optional<Fault>> fault) {
  auto apply = [inner = std::move(step.apply), fault = std::move(fault)](engine::Transaction& rows) {
    Result<void> done = inner(rows);
    *fault = done ? std::nullopt : std::optional<Fault>(done.error());
    return done;
  };
  return {step.partition, std::move(apply)};
}

// Who does not get the letter, and why.
std::string failures(const std::vector<Finding>& findings) {
  std::string out;
  for (const Finding& finding : findings) {
    const std::string host = finding.answer.host.empty() ? "" : finding.answer.host + ": ";
    const std::string& reply = finding.recipient.last_reply;
    out += fmt::format("\n  {}\n    {}{}\n", finding.recipient.address, host,
                       fit(reply.empty() ? to_line(finding.answer) : reply, kReasonShown));
  }
  return out;
}

// What the postmaster reads above the report.
std::string explanation(const queue::Letter& letter, const std::vector<Finding>& findings,
                        const std::string& why) {
  if (letter.reverse_path.empty()) {
    return fmt::format(
        "A notice that this mail system sent to the sender of a letter could not be\n"
        "delivered, and there is nobody else to send it to:\n{}\n"
        "It is attached, as far as it is not too long.\n",
        failures(findings));
  }
  return fmt::format(
      "A letter could not be delivered:\n{}\nIts sender can't be told:\n\n  {}\n    {}\n\n"
      "It is attached, as far as it is not too long.\n",
      failures(findings), letter.reverse_path, why);
}

}  // namespace

struct NoticeWriter::Draft {
  queue::Letter letter;
  message::Report report;
  message::Address to;
  std::string original;  // what is put in of the letter
  std::string subject;   // in place of the usual one; "" keeps it
};

void Notice::committed() {
  if (letter) letter->committed();
}

bool Notice::refused(const Fault& by) const {
  return fault && fault->has_value() && (*fault)->kind == by.kind && (*fault)->what == by.what;
}

Task<Result<void>> NoticeWriter::report(queue::Letter letter, std::vector<Finding> findings, Notice& into) {
  Draft draft;
  auto to = message::parse_mailbox(letter.reverse_path);
  if (!to) co_return std::unexpected(to.error());
  draft.to = std::move(*to);
  draft.letter = std::move(letter);
  const SystemTime now = clock_.now();
  for (const Finding& finding : findings)
    draft.report.recipients.push_back(describe(draft.letter, finding, now));
  Result<void> done = co_await write(std::move(draft), into);
  co_return done;
}

Task<Result<void>> NoticeWriter::tell_postmaster(queue::Letter letter, std::vector<Finding> findings,
                                                 std::string why, Notice& into) {
  Draft draft;
  draft.to = message::Address{"postmaster", options_.postmaster_domain};
  draft.subject = "Undeliverable bounce";
  draft.report.text = explanation(letter, findings, why);
  draft.letter = std::move(letter);
  const SystemTime now = clock_.now();
  for (const Finding& finding : findings)
    draft.report.recipients.push_back(describe(draft.letter, finding, now));
  Result<void> done = co_await write(std::move(draft), into);
  co_return done;
}

// The notice is made whole in memory: it is bounded by kWholeOriginal and kHeaderOriginal.
Task<Result<void>> NoticeWriter::write(Draft draft, Notice& into) {
  const bool whole = draft.letter.size <= kWholeOriginal;
  Result<std::string> original =
      co_await read_front(engine_, draft.letter, whole ? kWholeOriginal : kHeaderOriginal);
  // A letter whose bytes are damaged is bounced without them; one that can't be read now waits.
  if (!original && original.error().kind != FaultKind::corrupt &&
      original.error().kind != FaultKind::not_found)
    co_return std::unexpected(original.error());
  draft.original = original ? std::move(*original) : std::string();
  if (!whole) draft.original.resize(header_size(draft.original));

  message::Report& report = draft.report;
  report.reporting_mta = options_.hostname;
  report.from = message::Address{"mailer-daemon", options_.hostname};
  report.to = draft.to;
  if (report.to.domain.empty())  // RFC 5322 section 3.4.1 knows no address without one
    report.to.domain = options_.default_domain.empty() ? options_.hostname : options_.default_domain;
  report.date = clock_.now();
  report.queue_id = format_id(draft.letter.id);
  report.envelope_id = draft.letter.envelope_id;
  report.arrival = draft.letter.accepted;
  report.utf8 = draft.letter.utf8;
  report.returns_whole = whole;
  const message::Summary summary = message::summarize(draft.original);
  report.original_8bit_header = summary.has_8bit_header;
  report.original_8bit_body = summary.has_8bit_body;
  message::ReportFrame frame = message::make_report(report, random_);

  if (!draft.subject.empty()) replace_subject(frame.head, draft.subject);
  std::string text = frame.head;
  message::ReturnedCopy copy(frame);
  copy.feed(draft.original, text);
  copy.finish(text);
  text += frame.tail;

  acceptance::Envelope envelope;
  envelope.recipients.push_back(draft.to);
  envelope.eight_bit = frame.is_8bit;
  envelope.utf8 = frame.is_utf8;
  envelope.session_id = format_id(draft.letter.id);
  std::unique_ptr<acceptance::Letter> notice = acceptance_.begin(std::move(envelope));
  Result<void> written = co_await notice->write(text);
  if (!written) co_return written;
  Result<std::vector<engine::Step>> steps = co_await notice->prepare();
  if (!steps) co_return std::unexpected(steps.error());
  into.fault = std::make_shared<std::optional<Fault>>();
  for (engine::Step& step : *steps) into.steps.push_back(noted(std::move(step), into.fault));
  into.letter = std::move(notice);
  co_return Result<void>();
}

}  // namespace posthouse::transport
