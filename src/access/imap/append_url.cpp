#include "access/imap/append_url.h"

#include "access/imap/fetch_octets.h"
#include "access/imap/sharing.h"
#include "message/unicode_text.h"
#include "wire/imap/url.h"

namespace posthouse::access::imap {

namespace {

std::unexpected<Fault> bad_url(const char* why) {
  return fail(FaultKind::not_found, why);
}

// The mailbox, in the form in which it is there, if it may be read; of this UIDVALIDITY, if the URL has one.
Task<Result<Located>> find_mailbox(Session& s, const wire::imap::MessageUrl& url) {
  Result<Located> found = co_await locate(s, url.mailbox);
  if (!found && found.error().kind == FaultKind::not_found)
    found = co_await locate(s, message::normalize_nfc(url.mailbox));
  if (!found) co_return found;
  if ((found->rights & store::kMayRead) == 0) co_return bad_url("no such mailbox");
  if (url.uid_validity && *url.uid_validity != found->info.uid_validity) co_return bad_url("UIDVALIDITY");
  co_return found;
}

// "" in state authenticated.
Task<Result<std::string>> selected_mailbox(Session& s) {
  if (!s.view) co_return std::string();
  Result<store::MailboxInfo> info = co_await s.store().mailbox(s.view->account, s.view->mailbox);
  if (!info) co_return std::unexpected(info.error());
  co_return s.view->prefix + info->name;
}

}  // namespace

Task<Result<UrlOctets>> find_url(Session& s, std::string url) {
  const Result<std::string> selected = co_await selected_mailbox(s);
  if (!selected) co_return std::unexpected(selected.error());
  const std::optional<wire::imap::MessageUrl> parsed = wire::imap::parse_message_url(url, *selected);
  if (!parsed) co_return bad_url("no URL of a message here");
  const Result<Located> mailbox = co_await find_mailbox(s, *parsed);
  if (!mailbox) co_return std::unexpected(mailbox.error());
  std::vector<store::Uid> uids{parsed->uid};
  const bool shape = needs_shape(parsed->section);
  Result<std::vector<store::Entry>> entries =
      co_await s.store().entries(mailbox->account, mailbox->info.id, std::move(uids), shape);
  if (!entries) co_return std::unexpected(entries.error());
  if (entries->empty()) co_return bad_url("no such message");
  UrlOctets out;
  out.account = mailbox->account;
  out.entry = std::move(entries->front());
  message::Summary summary;
  if (shape) {
    Result<message::Summary> decoded = message::decode(out.entry.summary);
    if (!decoded) co_return std::unexpected(decoded.error());
    summary = std::move(*decoded);
  }
  out.entry.summary.clear();
  const std::optional<Extent> extent = locate(parsed->section, &summary, out.entry.size);
  if (!extent) co_return bad_url("no such part");
  out.extent = *extent;
  if (is_of_fields(parsed->section)) {
    Result<std::string> fields =
        co_await read_fields(s, out.account, parsed->section, out.entry, *extent, nullptr);
    if (!fields) co_return std::unexpected(fields.error());
    const Extent wanted = cut(parsed->partial, fields->size());
    out.fields = fields->substr(wanted.offset, wanted.length);
    co_return out;
  }
  const Extent wanted = cut(parsed->partial, extent->length);
  out.extent = {extent->offset + wanted.offset, wanted.length};
  co_return out;
}

}  // namespace posthouse::access::imap
