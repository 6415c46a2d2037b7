#include "submission/submission_sink.h"

#include "base/log.h"
#include "smtp/letter_reply.h"
#include "submission/groom.h"
#include "submission/limits.h"
#include "submission/standing.h"

namespace posthouse::submission {

using smtp::Reply;

SubmissionSink::SubmissionSink(Desk desk, directory::AccountId account, std::string login,
                               std::unique_ptr<acceptance::Letter> letter, std::string received)
    : desk_(desk),
      account_(account),
      login_(std::move(login)),
      letter_(std::move(letter)),
      received_(std::move(received)),
      room_(desk.options.max_size) {}

void SubmissionSink::refuse(Reply reply) {
  if (!refusal_) {
    log::info("submission.refused",
              {{"id", letter_->queue_id()}, {"login", login_}, {"code", reply.code}, {"why", reply.text}});
    refusal_ = std::move(reply);
  }
  held_ = {};
  signature_.reset();
}

// An empty line ends the header; right at the beginning it means that there is none. Gives the octets before
// it.
std::optional<size_t> SubmissionSink::header_size(size_t searched_from) const {
  if (held_.starts_with("\r\n")) return 0;
  size_t end = held_.find("\r\n\r\n", searched_from < 3 ? 0 : searched_from - 3);
  if (end == std::string::npos) return std::nullopt;
  return end + 2;
}

Task<Result<void>> SubmissionSink::write(std::string_view bytes) {
  if (bytes.size() > room_) refuse(smtp::too_large());
  if (refusal_) co_return Result<void>();
  room_ -= bytes.size();
  if (!in_header_) {
    Result<void> taken = co_await take_body(bytes);
    co_return taken;
  }
  size_t searched = held_.size();
  held_.append(bytes);
  std::optional<size_t> complete = header_size(searched);
  Result<void> taken;
  if (complete.value_or(held_.size()) > kMaxHeader) {
    refuse({552, "5.3.4", fmt::format("Error: the header has more than {} octets", kMaxHeader)});
  } else if (complete) {
    taken = co_await take_header();
  }
  co_return taken;
}

Task<Result<void>> SubmissionSink::take_header() {
  in_header_ = false;
  Groomer groomer;
  groomer.default_domain = desk_.options.default_domain;
  groomer.login = login_;
  groomer.message_id_domain =
      desk_.options.default_domain.empty() ? desk_.options.hostname : desk_.options.default_domain;
  groomer.message_id_token = desk_.random.token(kMessageIdToken);
  groomer.now = desk_.clock.now();
  Result<directory::Account> account = co_await desk_.directory.account(account_);
  if (!account) co_return std::unexpected(account.error());
  groomer.display_name = account->display_name;

  size_t body_begin = 0;
  Result<Groomed> groomed = groom(held_, groomer, body_begin);
  if (!groomed) {
    refuse({550, "5.6.0", "Error: " + groomed.error().what});
    co_return Result<void>();
  }
  Result<void> allowed = co_await check_authors(groomed->authors, "From");
  if (allowed && !refusal_) allowed = co_await check_authors(groomed->senders, "Sender");
  if (!allowed || refusal_) co_return allowed;

  std::string body = held_.substr(body_begin);
  held_ = std::move(received_);
  held_ += groomed->header;
  if (!groomed->authors.empty()) begin_signature(groomed->authors.front());
  Result<void> written;
  if (!signature_) written = co_await write_held();
  if (written && !body.empty()) written = co_await take_body(body);
  co_return written;
}

Task<Result<void>> SubmissionSink::check_authors(std::vector<message::Address> addresses, std::string field) {
  for (const auto& address : addresses) {
    std::string text = address.to_string();
    Result<bool> own = co_await desk_.directory.may_send_as(account_, text);
    if (!own) co_return std::unexpected(own.error());
    if (!*own) {
      refuse({550, "5.7.1",
              fmt::format("Error: {} is not allowed in {}: not an address of {}", text, field, login_)});
      break;
    }
  }
  co_return Result<void>();
}

void SubmissionSink::begin_signature(const message::Address& author) {
  if (desk_.signer == nullptr) return;
  std::string domain = message::domain_to_ascii(author.domain).value_or(author.domain);
  signature_ = desk_.signer->begin(domain);
  if (signature_) signature_->header(held_);
}

Task<Result<void>> SubmissionSink::write_held() {
  std::string held = std::exchange(held_, {});
  Result<void> written = co_await letter_->write(held);
  co_return written;
}

Task<Result<void>> SubmissionSink::take_body(std::string_view bytes) {
  Result<void> written;
  if (signature_ && held_.size() + bytes.size() <= kMaxHeldForSigning) {
    signature_->body(bytes);
    held_.append(bytes);
    co_return written;
  }
  if (signature_) {
    log::warn("submission.too_large_to_sign", {{"id", letter_->queue_id()}, {"login", login_}});
    signature_.reset();
    written = co_await write_held();
    if (!written) co_return written;
  }
  written = co_await letter_->write(bytes);
  co_return written;
}

// What is left to do once the last byte came.
Task<Result<void>> SubmissionSink::finish() {
  Result<void> done;
  if (in_header_) done = co_await take_header();  // a letter without an empty line: all header, or all body
  if (!done || refusal_) co_return done;
  if (signature_) {
    Result<std::string> fields = signature_->finish();
    if (!fields) co_return std::unexpected(fields.error());
    held_.insert(0, *fields);
    done = co_await write_held();
    if (!done) co_return done;
  }
  done = co_await letter_->commit();
  co_return done;
}

Task<std::vector<Reply>> SubmissionSink::commit() {
  if (!refusal_) {
    std::optional<Reply> out = co_await no_longer_welcome(desk_.directory, account_);
    if (out) refuse(std::move(*out));
  }
  Result<void> done;
  if (!refusal_) done = co_await finish();
  std::vector<Reply> replies;
  if (refusal_) {
    replies.push_back(*refusal_);
  } else if (done) {
    replies.push_back(smtp::letter_accepted(letter_->queue_id()));
  } else {
    replies.push_back(smtp::letter_refused(done.error(), desk_.acceptance.full_is_permanent()));
  }
  co_return replies;
}

}  // namespace posthouse::submission
