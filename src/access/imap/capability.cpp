// CAPABILITY (RFC 3501 section 6.1.1): only what is complete.
#include "access/channel.h"
#include "access/imap/commands.h"
#include "access/imap/state.h"

namespace posthouse::access::imap {

wire::sasl::Channel channel(const Session& s) {
  return channel_of(*s.stream, s.options->allow_plain_login, "imap", s.id, s.services.authenticator);
}

std::string capabilities(const Session& s) {
  // Clients that ask only before login must see the extensions too.
  std::string out =
      "IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID ENABLE IDLE NAMESPACE UIDPLUS MOVE UNSELECT CHILDREN "
      "SPECIAL-USE"
      " CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS CONDSTORE QRESYNC STATUS=DELETED ESEARCH"
      " SEARCHRES WITHIN SORT SORT=DISPLAY ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES I18NLEVEL=1 PARTIAL "
      "BINARY PREVIEW MULTIAPPEND QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE COMPRESS=DEFLATE "
      "OBJECTID SAVEDATE UNAUTHENTICATE UTF8=ACCEPT REPLACE CATENATE UIDONLY INPROGRESS METADATA "
      "LIST-METADATA FILTERS "
      "ACL RIGHTS=kxte LIST-MYRIGHTS LANGUAGE CONTEXT=SEARCH CONTEXT=SORT NOTIFY MULTISEARCH SEARCH=FUZZY";
  out += " STATUS=SIZE APPENDLIMIT=" + std::to_string(s.options->append_limit);
  // RFC 9738 section 3: one of the two
  if (s.options->message_limit != 0) {
    out += " MESSAGELIMIT=" + std::to_string(s.options->message_limit);
  } else if (s.options->save_limit != 0) {
    out += " SAVELIMIT=" + std::to_string(s.options->save_limit);
  }
  if (s.state != kNotAuthenticated) return out;
  const bool tls = s.stream->tls().active;
  if (!tls && s.options->tls) out += " STARTTLS";
  if (!tls && !s.options->allow_plain_login) out += " LOGINDISABLED";
  for (const std::string& mechanism : wire::sasl::mechanisms(channel(s))) out += " AUTH=" + mechanism;
  return out;
}

Task<Reply> cmd_capability(Session& s, wire::imap::Capability&) {
  s.untagged("CAPABILITY " + capabilities(s));
  co_return ok("CAPABILITY done");
}

}  // namespace posthouse::access::imap
