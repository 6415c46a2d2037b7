// A letter on its way in: its bytes go to the blob and to the summary as they come, then one transaction
// takes it.
#include "acceptance/impl.h"
#include "acceptance/routes.h"
#include "base/ascii.h"
#include "base/log.h"

namespace posthouse::acceptance {

namespace {

// CR, LF or NUL in an envelope would end a header line, or a record of somebody else's.
bool has_line_break(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos;
}

Result<void> check_envelope(const Envelope& envelope) {
  bool bad = has_line_break(envelope.reverse_path);
  for (const auto& recipient : envelope.recipients) {
    bad = bad || has_line_break(recipient.local) || has_line_break(recipient.domain);
  }
  if (bad) return fail(FaultKind::syntax, "line break in an envelope address");
  return {};
}

// RFC 6152 section 3: what the bytes are counts, not what the sender declared.
bool needs_8bit(const message::Summary& summary) {
  return summary.has_8bit_header || summary.has_8bit_body;
}

// RFC 6531 section 3.6: header fields, those of MIME parts too, and addresses; a body may be 8-bit without.
// Recipients that stay here don't count.
bool needs_utf8(const Envelope& envelope, const message::Summary& summary,
                const std::vector<queue::Recipient>& remote) {
  if (!envelope.utf8) return false;
  auto is_wide = [](const queue::Recipient& recipient) { return has_8bit(recipient.address); };
  return summary.has_8bit_header || has_8bit(envelope.reverse_path) ||
         std::any_of(remote.begin(), remote.end(), is_wide);
}

}  // namespace

Letter::Impl::Impl(Acceptance::Impl& house_, Envelope envelope_)
    : house(house_),
      envelope(std::move(envelope_)),
      id(house_.ids.next()),
      blob(house_.engine, id),
      front(fmt::format("Return-Path: <{}>\r\n", envelope.reverse_path)),
      front_size(front.size()) {}

Letter::Letter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Letter::~Letter() = default;

uint64_t Letter::id() const {
  return impl_->id;
}
std::string Letter::queue_id() const {
  return format_id(impl_->id);
}
uint64_t Letter::size() const {
  return impl_->blob.size() - (impl_->front.empty() ? impl_->front_size : 0);
}

Task<Result<void>> Letter::write(std::string_view bytes) {
  if (impl_->front.empty()) {
    impl_->summarizer.feed(bytes);
    Result<void> taken = co_await impl_->blob.append(bytes);
    co_return taken;
  }
  Result<void> fit = check_envelope(impl_->envelope);
  if (!fit) co_return fit;
  std::string first = std::exchange(impl_->front, {});
  first.append(bytes);
  impl_->summarizer.feed(first);
  Result<void> taken = co_await impl_->blob.append(first);
  co_return taken;
}

Task<Result<std::vector<engine::Step>>> Letter::prepare() {
  Impl& in = *impl_;
  Acceptance::Impl& house = in.house;
  if (!in.front.empty()) {  // a letter without a single byte
    Result<void> begun = co_await write("");
    if (!begun) co_return std::unexpected(begun.error());
  }
  message::Summary summary = in.summarizer.finish();
  if (summary.received_count > house.options.max_received) {
    co_return fail(FaultKind::policy, fmt::format("mail loop: {} Received fields", summary.received_count));
  }
  Routes routes;
  for (const auto& recipient : in.envelope.recipients) {
    Result<void> added = co_await routes.add(house.directory, recipient, in.envelope.local_only);
    if (!added) co_return std::unexpected(added.error());
  }
  if (routes.empty()) co_return fail(FaultKind::not_found, "no recipient is left");
  if (routes.lost() != 0) {
    log::warn("letter.recipients_gone", {{"id", queue_id()}, {"count", routes.lost()}});
  }

  SystemTime now = house.clock.now();
  store::NewMessage message;
  message.blob = in.blob.id();
  message.size = in.blob.size();
  message.internal_date = now;
  delivery::Plan plan;
  in.local_count = routes.local().size();
  in.remote_count = routes.remote().size();
  for (const auto& target : routes.local()) in.accounts.push_back(target.account);
  if (in.local_count != 0) {
    message.summary = message::encode(summary);
    std::vector<uint64_t> delivery_ids;
    delivery_ids.reserve(in.local_count);
    for (size_t i = 0; i < in.local_count; ++i) delivery_ids.push_back(house.ids.next());
    bool alone = in.local_count == 1 && in.remote_count == 0;
    Result<delivery::Plan> made =
        co_await house.delivery.plan(routes.local(), std::move(message), std::move(delivery_ids), alone);
    if (!made) co_return std::unexpected(made.error());
    plan = std::move(*made);
    in.placed = plan.placed;
  }

  std::vector<engine::Step> steps;
  steps.reserve(plan.steps.size() + 2);
  std::vector<std::string> references = std::move(plan.blob_references);
  if (in.remote_count != 0) references.push_back(queue::Queue::blob_reference(in.id));
  steps.push_back(in.blob.seal(std::move(references)));
  for (auto& step : plan.steps) steps.push_back(std::move(step));
  if (in.remote_count != 0) {
    queue::Letter letter;
    letter.id = in.id;
    letter.reverse_path = in.envelope.reverse_path;
    letter.blob = in.blob.id();
    letter.offset = in.front_size;
    letter.size = in.blob.size() - in.front_size;
    letter.accepted = now;
    letter.expires = now + house.options.queue_lifetime;
    letter.eight_bit = needs_8bit(summary);
    letter.utf8 = needs_utf8(in.envelope, summary, routes.remote());
    letter.submitter = in.envelope.submitter;
    for (auto& recipient : routes.remote()) recipient.next_attempt = now;
    letter.recipients = std::move(routes.remote());
    steps.push_back(house.queue.stage(std::move(letter)));
  }
  co_return steps;
}

void Letter::committed() {
  tell();
  for (const directory::AccountId account : impl_->accounts) impl_->house.store.carry_out_soon(account);
}

void Letter::tell() {
  Impl& in = *impl_;
  in.house.letters.add();
  in.house.bytes.add(static_cast<double>(size()));
  in.house.local_copies.add(static_cast<double>(in.local_count));
  in.house.remote_copies.add(static_cast<double>(in.remote_count));
  if (!log::enabled(log::Level::info)) return;
  log::info("letter.accepted", {{"sid", in.envelope.session_id},
                                {"id", queue_id()},
                                {"from", in.envelope.reverse_path},
                                {"local", in.local_count},
                                {"remote", in.remote_count},
                                {"size", size()}});
}

Task<Result<void>> Letter::commit() {
  Result<std::vector<engine::Step>> steps = co_await prepare();
  Result<void> done;
  if (steps) {
    done = co_await impl_->house.engine.transact(std::move(*steps));
  } else {
    done = std::unexpected(steps.error());
  }
  if (done) {
    tell();
    for (const directory::AccountId account : impl_->accounts) co_await impl_->house.store.carry_out(account);
    co_return done;
  }
  impl_->house.refused.add();
  log::warn("letter.refused", {{"sid", impl_->envelope.session_id},
                               {"id", queue_id()},
                               {"from", impl_->envelope.reverse_path},
                               {"kind", to_string(done.error().kind)},
                               {"why", done.error().what}});
  co_return done;
}

}  // namespace posthouse::acceptance
