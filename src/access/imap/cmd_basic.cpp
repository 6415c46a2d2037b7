// Commands of a few lines: NOOP, CHECK, LOGOUT, ID, ENABLE, NAMESPACE, STARTTLS, COMPRESS.
#include "access/imap/commands.h"
#include "access/imap/sharing.h"
#include "base/log.h"
#include "wire/imap/list_pattern.h"

namespace posthouse::access::imap {

// Both ask the store for news; the loop tells of it (RFC 3501 section 6.1.2).
Task<Reply> cmd_noop(Session&, wire::imap::Noop&) {
  co_return ok("NOOP done");
}

// RFC 3501 section 6.4.1. All is on disk already; where mail is kept in files, flags are in these then, too.
Task<Reply> cmd_check(Session& s, wire::imap::Check&) {
  co_await s.store().carry_out(s.view->account);
  co_return ok("CHECK done");
}

Task<Reply> cmd_logout(Session& s, wire::imap::Logout&) {
  s.out += "* BYE ";
  append_human(s, "Goodbye");
  s.out += "\r\n";
  co_await retire_from_mailbox(s);
  s.state = kLogout;
  co_return ok("LOGOUT done");
}

// RFC 2971. The version stays untold: it would help attackers more than users.
Task<Reply> cmd_id(Session& s, wire::imap::Id& c) {
  for (const auto& [name, value] : c.fields) {
    log::debug("imap.client_id", {{"sid", s.id}, {"name", name}, {"value", value.value_or("")}});
  }
  s.untagged("ID (\"name\" \"Posthouse\")");
  co_return ok("ID done");
}

namespace {

// The name as it is announced; "" for one that can't be enabled.
std::string_view enable(Session& s, std::string_view name) {
  if (name == "CONDSTORE" || name == "QRESYNC") {
    enable_condstore(s);
    s.qresync = s.qresync || name == "QRESYNC";
    return name;
  }
  if (name == "UIDONLY") {
    s.uid_only = true;
    return name;
  }
  if (name == "IMAP4REV2" || name == "UTF8=ACCEPT") {
    const bool rev2 = name == "IMAP4REV2";
    s.rev2 = s.rev2 || rev2;
    s.utf8_accept = s.utf8_accept || !rev2;
    s.commands.set_utf8(true);
    return rev2 ? "IMAP4rev2" : name;
  }
  return "";
}

}  // namespace

// RFC 5161 section 3.2: names that can't be enabled are passed over in silence.
Task<Reply> cmd_enable(Session& s, wire::imap::Enable& c) {
  std::string enabled = "ENABLED";
  for (const std::string& name : c.capabilities) {
    if (name == "METADATA") {  // RFC 5464 section 4.1
      if (!s.observer) {
        Result<void> observing = co_await begin_observing(s);
        if (!observing) co_return refuse(observing.error());
      }
      s.observer->metadata = true;
      enabled += " METADATA";
      continue;
    }
    const std::string_view known = enable(s, name);
    const bool twice = (enabled + ' ').find(fmt::format(" {} ", known)) != std::string::npos;
    if (!known.empty() && !twice) (enabled += ' ') += known;
  }
  s.untagged(enabled);
  co_return ok("ENABLE done");
}

// RFC 2342: one personal namespace, that of other users, and that of shared accounts.
Task<Reply> cmd_namespace(Session& s, wire::imap::Namespace&) {
  std::string out = "NAMESPACE";
  for (const std::string_view name : {std::string_view(), kOtherUsers, kSharedFolders}) {
    out += " ((\"";
    out += name;
    if (!name.empty()) out += wire::imap::kSeparator;
    out += std::string("\" \"") + wire::imap::kSeparator + "\"))";
  }
  s.untagged(out);
  co_return ok("NAMESPACE done");
}

// RFC 4978 section 3.
Task<Reply> cmd_compress(Session& s, wire::imap::Compress& c) {
  if (c.algorithm != "DEFLATE") co_return bad("Unknown algorithm");
  if (s.stream->active()) co_return bad("Compression is active already");
  s.pending_deflate = true;
  co_return ok("DEFLATE active");
}

// RFC 3501 section 6.2.1. Whatever came behind the command in clear text was perhaps put there by somebody
// else, so the connection ends.
Task<Reply> cmd_starttls(Session& s, wire::imap::StartTls&) {
  if (s.stream->tls().active) co_return bad("TLS is active already");
  if (!s.options->tls) co_return no("TLS isn't configured", "CANNOT");
  if (s.input.buffered() > 0) {
    throw SessionEnd{"Input after STARTTLS", Fault{FaultKind::syntax, "input after STARTTLS in clear text"}};
  }
  s.pending_tls = true;
  co_return ok("Begin TLS now");
}

}  // namespace posthouse::access::imap
