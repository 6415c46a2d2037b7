#include "app/config/options.h"

#include "app/config/units.h"
#include "base/ascii.h"

namespace posthouse::app {
namespace {

using C = Config;

template <auto Part, auto Member>
auto& at(Config& config) {
  return config.*Part.*Member;
}

constexpr uint64_t kMinute = 60, kHour = 3600, kDay = 86400;
constexpr uint64_t kMiB = 1ull << 20;

constexpr Section kSections[] = {
    {"server", "Who this host is and where it keeps its things."},
    {"listen", "Where each service listens: a list of `\"address:port\"`, or `\"off\"`."},
    {"tls", "Certificates, ours and those we trust. TLS 1.2 and 1.3 are spoken."},
    {"limits", "What one client, one letter and all of them together may take."},
    {"auth", "Logins."},
    {"oauth", "Logins with tokens of OAuth 2.0 (OAUTHBEARER and XOAUTH2), only under TLS."},
    {"queue", "Letters on their way to other hosts."},
    {"smarthost", "Send everything through one host instead of looking for each domain's own."},
    {"resolver", "DNS."},
    {"store", "The store of letters, queue and directory on disk."},
    {"search", "The index that answers searches in the text of letters."},
    {"quota", "How much an account may keep."},
    {"delivery", "Into the mailboxes."},
    {"log", "What is written down about all this."},
};

using K = OptionKind;

const Option kOptions[] = {
    // ---- server
    {"server.hostname", K::host, R"("")", false, 0, 0, "",
     "The full name of this host, as other hosts see it in greetings and Received lines. It should resolve "
     "to this "
     "host's address and back. Empty: the machine's own name.",
     &at<&C::server, &C::Server::hostname>},
    {"server.default_domain", K::host, R"("")", false, 0, 0, "",
     "The domain that completes addresses without one, and whose postmaster gets letters to `postmaster`. "
     "Empty: "
     "the host name without its first label.",
     &at<&C::server, &C::Server::default_domain>},
    {"server.data_directory", K::folder, R"("/var/lib/posthouse")", false, 0, 0, "",
     "Everything that is kept: letters, queue, accounts, keys. The program may read and write here and "
     "nowhere else.",
     &at<&C::server, &C::Server::data_directory>},
    {"server.user", K::text, R"("")", false, 0, 0, "",
     "The user to become after the ports are bound, when started as root. Required then.",
     &at<&C::server, &C::Server::user>},
    {"server.group", K::text, R"("")", false, 0, 0, "", "The group to become. Empty: the user's own.",
     &at<&C::server, &C::Server::group>},
    {"server.loops", K::count, "0", false, 0, 256, "",
     "Threads that serve connections. 0: one for each processor but one, which is the store's (at least 1, "
     "at most 64).",
     &at<&C::server, &C::Server::loops>},
    {"server.control_socket", K::text, R"("")", false, 0, 0, "",
     "The local socket that the command line talks to (mode 0600). Empty: `run/control.sock` in the data "
     "directory. "
     "At most 107 bytes long.",
     &at<&C::server, &C::Server::control_socket>},
    // ---- listen
    {"listen.smtp", K::listen, R"(["0.0.0.0:25", "[::]:25"])", false, 0, 0, "",
     "Letters from other hosts (SMTP).", &at<&C::listen, &C::Listeners::smtp>},
    {"listen.submission", K::listen, R"(["0.0.0.0:587", "[::]:587"])", false, 0, 0, "",
     "Letters from users, TLS by STARTTLS.", &at<&C::listen, &C::Listeners::submission>},
    {"listen.submissions", K::listen, R"(["0.0.0.0:465", "[::]:465"])", false, 0, 0, "",
     "Letters from users, TLS from the first byte.", &at<&C::listen, &C::Listeners::submissions>},
    {"listen.imap", K::listen, R"(["0.0.0.0:143", "[::]:143"])", false, 0, 0, "",
     "Mailboxes (IMAP), TLS by STARTTLS.", &at<&C::listen, &C::Listeners::imap>},
    {"listen.imaps", K::listen, R"(["0.0.0.0:993", "[::]:993"])", false, 0, 0, "",
     "Mailboxes (IMAP), TLS from the first byte.", &at<&C::listen, &C::Listeners::imaps>},
    {"listen.pop3", K::listen, R"("off")", false, 0, 0, "",
     "Inboxes for programs that fetch them (POP3), TLS by STLS; the usual port is 110.",
     &at<&C::listen, &C::Listeners::pop3>},
    {"listen.pop3s", K::listen, R"("off")", false, 0, 0, "",
     "The same, TLS from the first byte; the usual port is 995.", &at<&C::listen, &C::Listeners::pop3s>},
    {"listen.http", K::listen, R"("off")", false, 0, 0, "",
     "Mailboxes for programs that speak JMAP (HTTP), without TLS; the usual port is 80.",
     &at<&C::listen, &C::Listeners::http>},
    {"listen.https", K::listen, R"("off")", false, 0, 0, "",
     "The same, TLS from the first byte; the usual port is 443.", &at<&C::listen, &C::Listeners::https>},
    {"listen.lmtp", K::listen, R"("off")", false, 0, 0, "",
     "Letters for local users from a trusted mail system on this host (LMTP). Only loopback addresses.",
     &at<&C::listen, &C::Listeners::lmtp>},
    {"listen.metrics", K::listen, R"(["127.0.0.1:9464"])", false, 0, 0, "",
     "Numbers for Prometheus at `/metrics` (HTTP). Only loopback addresses.",
     &at<&C::listen, &C::Listeners::metrics>},
    // ---- tls
    {"tls.certificates", K::certificates, "[]", true, 0, 0, "",
     "Files in PEM, each `{ chain = \"...\", key = \"...\" }`; the name a client asks for chooses among "
     "them, the "
     "first is the default. They are read again when they change. `server.user` must be able to read them. "
     "None: "
     "a self-signed one is made in the data directory.",
     &at<&C::tls, &C::Tls::certificates>},
    {"tls.ca_file", K::text, R"("")", false, 0, 0, "",
     "Authorities to trust when the certificate of a smarthost or of an authorization server is checked, "
     "PEM. Empty: the system's.",
     &at<&C::tls, &C::Tls::ca_file>},
    // ---- limits
    {"limits.message_size", K::bytes, R"("50MiB")", true, 64 * 1024, 2048 * kMiB, "",
     "The largest letter taken in, by SMTP and by IMAP APPEND.", &at<&C::limits, &C::Limits::message_size>},
    {"limits.recipients", K::count, "1000", true, 100, 100'000, "",
     "Recipients of one letter (RFC 5321 section 4.5.3.1.8 asks for 100 at least).",
     &at<&C::limits, &C::Limits::recipients>},
    {"limits.connections", K::count, "2000", false, 1, 1'000'000, "",
     "SMTP connections at a time, on all ports together.", &at<&C::limits, &C::Limits::connections>},
    {"limits.connections_per_network", K::count, "50", false, 1, 1'000'000, "",
     "Of these from one network (an IPv4 /24 or IPv6 /64), on the port for other hosts.",
     &at<&C::limits, &C::Limits::connections_per_network>},
    {"limits.submission_connections_per_network", K::count, "100", false, 1, 1'000'000, "",
     "The same on the submission ports: a company may be one network.",
     &at<&C::limits, &C::Limits::submission_connections_per_network>},
    {"limits.errors", K::count, "10", true, 1, 1000, "",
     "Refused commands before an SMTP connection is closed with 421.", &at<&C::limits, &C::Limits::errors>},
    {"limits.commands", K::count, "10000", true, 100, 10'000'000, "",
     "SMTP commands without a letter taken in before the connection is closed.",
     &at<&C::limits, &C::Limits::commands>},
    {"limits.received", K::count, "100", false, 10, 1000, "",
     "A letter with more Received lines than this goes in a circle and is refused.",
     &at<&C::limits, &C::Limits::received>},
    {"limits.smtp_command", K::duration, R"("5m")", true, 10, kHour, "",
     "How long a client may take for its next SMTP command (RFC 5321 section 4.5.3.2.7).",
     &at<&C::limits, &C::Limits::smtp_command>},
    {"limits.smtp_data", K::duration, R"("10m")", true, 10, kHour, "",
     "How long a client may pause within a letter.", &at<&C::limits, &C::Limits::smtp_data>},
    {"limits.imap_connections", K::count, "20000", true, 1, 1'000'000, "", "IMAP connections at a time.",
     &at<&C::limits, &C::Limits::imap_connections>},
    {"limits.imap_connections_per_network", K::count, "1000", true, 1, 1'000'000, "",
     "Of these from one network (an IPv4 /24 or IPv6 /64).",
     &at<&C::limits, &C::Limits::imap_connections_per_network>},
    {"limits.imap_sessions_per_account", K::count, "128", true, 1, 10'000, "",
     "IMAP connections of one account.", &at<&C::limits, &C::Limits::imap_sessions_per_account>},
    {"limits.submission_sessions_per_account", K::count, "64", true, 1, 10'000, "",
     "Connections of one account that submit letters; one more is closed with 421.",
     &at<&C::limits, &C::Limits::submission_sessions_per_account>},
    {"limits.imap_bad_commands", K::count, "20", true, 1, 1000, "",
     "Commands that are not IMAP before the connection is closed.",
     &at<&C::limits, &C::Limits::imap_bad_commands>},
    {"limits.imap_messages", K::count, "0", true, 0, 100'000'000, "",
     "Messages that one IMAP command may process (MESSAGELIMIT, RFC 9738); of more the last ones are "
     "processed and the client, if it knows this extension, goes on. 0: any number; else at least 1000, and "
     "better much more, for other clients miss what was left out.",
     &at<&C::limits, &C::Limits::imap_messages>},
    {"limits.imap_saves", K::count, "0", true, 0, 100'000'000, "",
     "The same of COPY and APPEND alone, which are refused then (SAVELIMIT). 0: any number; else at least "
     "1000. Not beside `limits.imap_messages`, which holds for them too.",
     &at<&C::limits, &C::Limits::imap_saves>},
    {"limits.imap_login", K::duration, R"("1m")", true, 5, kHour, "",
     "How long an IMAP client may stay without logging in.", &at<&C::limits, &C::Limits::imap_login>},
    {"limits.imap_idle", K::duration, R"("30m")", true, 30 * kMinute, 24 * kHour, "",
     "How long a logged-in IMAP client may be silent (RFC 9051 section 5.4 asks for 30 minutes at least).",
     &at<&C::limits, &C::Limits::imap_idle>},
    {"limits.pop3_connections", K::count, "2000", true, 1, 1'000'000, "", "POP3 connections at a time.",
     &at<&C::limits, &C::Limits::pop3_connections>},
    {"limits.pop3_connections_per_network", K::count, "200", true, 1, 1'000'000, "",
     "Of these from one network (an IPv4 /24 or IPv6 /64).",
     &at<&C::limits, &C::Limits::pop3_connections_per_network>},
    {"limits.http_connections", K::count, "2000", true, 1, 1'000'000, "", "HTTP connections at a time.",
     &at<&C::limits, &C::Limits::http_connections>},
    {"limits.http_connections_per_network", K::count, "200", true, 1, 1'000'000, "",
     "The same from one network: an IPv4 address, or the first 64 bits of an IPv6 address.",
     &at<&C::limits, &C::Limits::http_connections_per_network>},
    {"limits.pop3_bad_commands", K::count, "20", true, 1, 1000, "",
     "Commands that are not POP3 before the connection is closed.",
     &at<&C::limits, &C::Limits::pop3_bad_commands>},
    {"limits.pop3_login", K::duration, R"("1m")", true, 5, kHour, "",
     "How long a POP3 client may stay without logging in.", &at<&C::limits, &C::Limits::pop3_login>},
    {"limits.pop3_idle", K::duration, R"("10m")", true, 10 * kMinute, 24 * kHour, "",
     "How long a logged-in POP3 client may be silent (RFC 1939 section 3 asks for 10 minutes at least).",
     &at<&C::limits, &C::Limits::pop3_idle>},
    {"limits.shutdown", K::duration, R"("10s")", true, 1, 10 * kMinute, "",
     "How long sessions may take to finish what is under way when the program is told to stop; those that "
     "wait "
     "for a command end at once.",
     &at<&C::limits, &C::Limits::shutdown>},
    // ---- auth
    {"auth.plain_without_tls", K::toggle, "false", false, 0, 0, "",
     "Allow passwords over connections without TLS. Only for a closed test on loopback: `serve` refuses it "
     "unless "
     "all listeners are on loopback addresses.",
     &at<&C::auth, &C::Auth::plain_without_tls>},
    {"auth.threads", K::count, "2", false, 1, 64, "",
     "Threads that check passwords. Each check takes some tens of milliseconds and 19 MiB on purpose.",
     &at<&C::auth, &C::Auth::threads>},
    // ---- oauth
    {"oauth.introspection_url", K::text, R"("")", false, 0, 0, "",
     "Where the authorization server tells whether a token is good and whose it is (RFC 7662). `https://`, "
     "or "
     "`http://` to a loopback address. Empty: no logins with tokens.",
     &at<&C::oauth, &C::OAuth::introspection_url>},
    {"oauth.client_id", K::text, R"("")", false, 0, 0, "",
     "The name under which this server asks there (HTTP Basic). Empty: without a name.",
     &at<&C::oauth, &C::OAuth::client_id>},
    {"oauth.client_secret_file", K::text, R"("")", false, 0, 0, "",
     "A file whose first line is the secret for that. `server.user` must be able to read it, nobody else "
     "should.",
     &at<&C::oauth, &C::OAuth::client_secret_file>},
    {"oauth.username_claim", K::text, R"("username")", false, 0, 0, "",
     "The member of the answer that names the account, as a login would. `email` only where the "
     "authorization "
     "server lets nobody have an address that is not his: `email_verified = false` is refused.",
     &at<&C::oauth, &C::OAuth::username_claim>},
    {"oauth.scope", K::text, R"("")", false, 0, 0, "",
     "Words that a token's scope must have, with blanks between them; clients are told. Empty: any.",
     &at<&C::oauth, &C::OAuth::scope>},
    {"oauth.audience", K::text, R"("")", false, 0, 0, "",
     "Whom a token must be for (`aud`). Empty: anybody, also where other services have the same "
     "authorization "
     "server, which then could log in here with their users' tokens.",
     &at<&C::oauth, &C::OAuth::audience>},
    {"oauth.issuer", K::text, R"("")", false, 0, 0, "", "Whose a token must be (`iss`). Empty: anybody's.",
     &at<&C::oauth, &C::OAuth::issuer>},
    {"oauth.openid_configuration", K::text, R"("")", false, 0, 0, "",
     "A URL that clients are told when a token is refused, so that they find where to get another (RFC 7628 "
     "section 3.2.2). Empty: none.",
     &at<&C::oauth, &C::OAuth::openid_configuration>},
    {"oauth.timeout", K::duration, R"("5s")", false, 1, 60, "",
     "How long to wait for the authorization server.", &at<&C::oauth, &C::OAuth::timeout>},
    {"oauth.cache", K::duration, R"("1m")", false, 0, kHour, "",
     "How long a good answer holds before it is asked for again; a token that is revoked is good for so much "
     "longer. Refusals are not remembered.",
     &at<&C::oauth, &C::OAuth::cache>},
    // ---- queue
    {"queue.retry", K::durations, R"(["5m", "10m", "20m", "40m", "1h", "2h", "4h"])", false, 1, 7 * kDay, "",
     "Pauses after the first, second, ... failure; the last one repeats. Up to a tenth is added at random.",
     &at<&C::queue, &C::Queue::retry>},
    {"queue.expire", K::duration, R"("5d")", false, 1, 60 * kDay, "",
     "A letter that could not be delivered for so long goes back to its sender.",
     &at<&C::queue, &C::Queue::expire>},
    {"queue.warn", K::duration, R"("4h")", false, 1, 60 * kDay, "",
     "The sender is told once that his letter is late after so long.", &at<&C::queue, &C::Queue::warn>},
    {"queue.connections", K::count, "200", false, 1, 100'000, "", "Connections to other hosts at a time.",
     &at<&C::queue, &C::Queue::connections>},
    {"queue.per_destination", K::count, "20", false, 1, 10'000, "", "Of these to one destination.",
     &at<&C::queue, &C::Queue::per_destination>},
    {"queue.letters_per_connection", K::count, "100", false, 1, 1'000'000, "",
     "Letters sent over one connection before a new one is made.",
     &at<&C::queue, &C::Queue::letters_per_connection>},
    {"queue.connection_idle", K::duration, R"("5s")", false, 1, 10 * kMinute, "",
     "How long a connection waits for another letter to the same host.",
     &at<&C::queue, &C::Queue::connection_idle>},
    {"queue.port", K::count, "25", false, 1, 65535, "",
     "The port where other hosts listen. Another than 25 is for tests and closed networks.",
     &at<&C::queue, &C::Queue::port>},
    {"queue.allow_loopback", K::toggle, "false", false, 0, 0, "",
     "Deliver to 127.0.0.0/8 and ::1, which otherwise means that a letter loops back to us. For tests.",
     &at<&C::queue, &C::Queue::allow_loopback>},
    // ---- smarthost
    {"smarthost.host", K::peer, R"("")", false, 0, 0, "",
     "Name or address of the host that takes all outgoing letters. Empty: none, each domain's MX is used.",
     &at<&C::smarthost, &C::Smarthost::host>},
    {"smarthost.port", K::count, "587", false, 1, 65535, "", "Its port.",
     &at<&C::smarthost, &C::Smarthost::port>},
    {"smarthost.tls", K::choice, R"("starttls")", false, 0, 0, "starttls implicit none",
     "`starttls`, or `implicit` for TLS from the first byte (port 465). Nothing is sent without TLS but with "
     "`none`: then all goes in clear text, and a password to 127.0.0.0/8 and ::1 only.",
     &at<&C::smarthost, &C::Smarthost::tls>},
    {"smarthost.verify", K::toggle, "true", false, 0, 0, "",
     "Its certificate must be good. `false` takes any certificate; TLS is needed nevertheless.",
     &at<&C::smarthost, &C::Smarthost::verify>},
    {"smarthost.user", K::text, R"("")", false, 0, 0, "", "The login there. Empty: none.",
     &at<&C::smarthost, &C::Smarthost::user>},
    {"smarthost.password_file", K::text, R"("")", false, 0, 0, "",
     "A file whose first line is the password. `server.user` must be able to read it, nobody else should.",
     &at<&C::smarthost, &C::Smarthost::password_file>},
    // ---- resolver
    {"resolver.servers", K::name_servers, "[]", false, 0, 0, "",
     "Name servers to ask, each an address or `\"address@port\"`. None: those of /etc/resolv.conf.",
     &at<&C::resolver, &C::Resolver::servers>},
    {"resolver.recursive", K::toggle, "false", false, 0, 0, "",
     "Ask the root servers and down from there, without any other name server.",
     &at<&C::resolver, &C::Resolver::recursive>},
    {"resolver.trust_anchor", K::text, R"("")", false, 0, 0, "",
     "File with the DNSSEC root key, for instance /usr/share/dns/root.key. Empty: answers are not validated.",
     &at<&C::resolver, &C::Resolver::trust_anchor>},
    {"resolver.timeout", K::duration, R"("20s")", false, 1, 5 * kMinute, "",
     "How long to wait for an answer.", &at<&C::resolver, &C::Resolver::timeout>},
    // ---- store
    {"store.memory", K::bytes, R"("256MiB")", false, 16 * kMiB, 1024 * 1024 * kMiB, "",
     "Memory for caches and write buffers of the store; a quarter of it on top for answers that IMAP clients "
     "ask for again.",
     &at<&C::store, &C::Store::memory>},
    {"store.reserve", K::bytes, R"("64MiB")", false, 0, 1024 * 1024 * kMiB, "",
     "Disk space to leave free: letters are refused with 452 when less is left.",
     &at<&C::store, &C::Store::reserve>},
    {"store.compression", K::choice, R"("lz4")", false, 0, 0, "zstd lz4 none",
     "How letters are packed that come from now on. `zstd` takes a quarter less room than `lz4` and several "
     "times the "
     "processor time on delivery; docs/formats/engine.md has the figures.",
     &at<&C::store, &C::Store::compression>},
    {"store.reading_threads", K::count, "2", false, 1, 64, "", "Threads that read from disk.",
     &at<&C::store, &C::Store::reading_threads>},
    {"store.format", K::choice, R"("database")", false, 0, 0, "database maildir mbox",
     "How new accounts keep their letters, where neither `account add --store` nor their domain says "
     "otherwise. "
     "The database is by far the fastest; Maildir and mbox are files that other programs may read and change "
     "at "
     "the same time.",
     &at<&C::store, &C::Store::format>},
    {"store.maildir", K::text, R"("")", false, 0, 0, "",
     "Where the Maildir of a new account is. `{domain}`, `{local}` and `{address}` stand for parts of its "
     "address; with one of the latter two in it, for no two accounts may have the same files. Empty: "
     "`maildir/{domain}/{local}` in the data directory.",
     &at<&C::store, &C::Store::maildir>},
    {"store.mbox_inbox", K::text, R"("")", false, 0, 0, "",
     "The mbox file of a new account's INBOX, for instance `/var/mail/{local}`. Empty: "
     "`mbox/{domain}/{local}/inbox` in the data directory.",
     &at<&C::store, &C::Store::mbox_inbox>},
    {"store.mbox_folders", K::text, R"("")", false, 0, 0, "",
     "The folder with the mbox files of its other mailboxes. Empty: `mbox/{domain}/{local}/folders` in the "
     "data "
     "directory.",
     &at<&C::store, &C::Store::mbox_folders>},
    {"store.keep_expunged", K::duration, R"("1w")", false, 0, 3650 * kDay, "",
     "How long expunged letters, and those of deleted mailboxes, stay on the disk so that `posthouse mailbox "
     "undelete` can bring them back. They don't count to the quota. 0s: not at all, and those that were kept "
     "go.",
     &at<&C::store, &C::Store::keep_expunged>},
    {"store.purge_rate", K::count, "200", false, 1, 1'000'000, "",
     "How many expunged letters whose time is over are removed for good in a second, at most.",
     &at<&C::store, &C::Store::purge_rate>},
    {"store.purge_when_full", K::toggle, "true", false, 0, 0, "",
     "While the disk has no room for new letters, expunged ones go before their time, the oldest first. "
     "Otherwise what people delete makes no room until `store.keep_expunged` is over.",
     &at<&C::store, &C::Store::purge_when_full>},
    // ---- search
    {"search.enabled", K::toggle, "true", false, 0, 0, "",
     "Keep an index of the text of letters, in `search` in the data directory. Answers are the same without "
     "it, but slower: each letter is looked at. It is made in the background and can be removed at any time "
     "while the server is stopped.",
     &at<&C::search, &C::Search::enabled>},
    {"search.rate", K::bytes, R"("8MiB")", false, 0, 1024 * 1024 * kMiB, "",
     "How much of letters is read for the index in a second, at most. 0B: as fast as it goes.",
     &at<&C::search, &C::Search::rate>},
    {"search.largest_letter", K::bytes, R"("32MiB")", false, 64 * 1024, 2048 * kMiB, "",
     "Larger letters are not indexed, but looked at whenever they are searched.",
     &at<&C::search, &C::Search::largest_letter>},
    {"search.memory", K::bytes, R"("32MiB")", false, 8 * kMiB, 1024 * 1024 * kMiB, "",
     "Memory for caches and write buffers of the index.", &at<&C::search, &C::Search::memory>},
    {"search.extractors", K::extractors, R"(["pdf=pdftotext", "office=bsdtar", "word=catdoc"])", false, 0, 0,
     "",
     "Programs that get the text out of attached documents for FUZZY searches, each `\"KIND=PROGRAM\"`. KIND "
     "is `pdf`, "
     "`office` (docx, xlsx, pptx, odt, ods, odp and their like) or `word` (Word 97 to 2003). PROGRAM is a "
     "name, looked for in "
     "/usr/local/bin, /usr/bin and /bin, or a path; the first that is there serves its kind. pdftotext, "
     "bsdtar and catdoc get "
     "the arguments that they need. Any other program gets none: it reads the document, a file, from "
     "standard input and writes its "
     "text in UTF-8 to standard output. All run in a sandbox without network, files and further processes. "
     "`[]`: none.",
     &at<&C::search, &C::Search::extractors>},
    // ---- quota
    {"quota.account", K::bytes, R"("0B")", false, 0, 1024ull * 1024 * 1024 * kMiB, "",
     "What an account may keep, where neither it nor its domain says otherwise. 0B: no limit.",
     &at<&C::quota, &C::Quota::account>},
    {"quota.account_messages", K::count, "0", false, 0, 4'000'000'000, "",
     "How many letters an account may keep, where neither it nor its domain says otherwise. 0: no limit.",
     &at<&C::quota, &C::Quota::account_messages>},
    {"quota.domain", K::bytes, R"("0B")", false, 0, 1024ull * 1024 * 1024 * kMiB, "",
     "What all accounts of a domain may keep together, where the domain does not say otherwise. 0B: no "
     "limit.",
     &at<&C::quota, &C::Quota::domain>},
    {"quota.domain_messages", K::count, "0", false, 0, 1'000'000'000'000, "",
     "How many letters all accounts of a domain may keep together, where the domain does not say otherwise. "
     "0: "
     "no limit.",
     &at<&C::quota, &C::Quota::domain_messages>},
    {"quota.tell_domain", K::toggle, "true", false, 0, 0, "",
     "Where a domain has a limit, IMAP clients of its accounts are told of it, and what all of them hold "
     "together (GETQUOTAROOT).",
     &at<&C::quota, &C::Quota::tell_domain>},
    {"quota.over_is_permanent", K::toggle, "false", false, 0, 0, "",
     "Refuse letters to a full account for good (552) instead of asking the sender to try again (452).",
     &at<&C::quota, &C::Quota::over_is_permanent>},
    // ---- delivery
    {"delivery.subaddress_to_mailbox", K::toggle, "false", false, 0, 0, "",
     "A letter to `user+Lists@` goes to the mailbox `Lists` if the user has one.",
     &at<&C::delivery, &C::Delivery::subaddress_to_mailbox>},
    // ---- log
    {"log.level", K::choice, R"("info")", true, 0, 0, "trace debug info warn error",
     "The least that is logged.", &at<&C::log, &C::Log::level>},
    {"log.file", K::text, R"("")", true, 0, 0, "",
     "Where to. Empty: standard error, which systemd keeps. Opened again on SIGHUP.",
     &at<&C::log, &C::Log::file>},
    {"log.format", K::choice, R"("text")", true, 0, 0, "text json",
     "`text` (key=value) or `json`, one event a line.", &at<&C::log, &C::Log::format>},
};

template <class List, class Text>
std::string list_text(const List& list, Text text) {
  std::string out = "[";
  for (const auto& item : list) {
    if (out.size() > 1) out += ", ";
    out += text(item);
  }
  return out + "]";
}

// Renders the value a field refers to.
struct Renderer {
  OptionKind kind;

  std::string operator()(const std::string& v) const { return quoted(v); }
  std::string operator()(bool v) const { return v ? "true" : "false"; }
  std::string operator()(uint64_t v) const {
    return kind == K::bytes ? quoted(format_size(v)) : fmt::to_string(v);
  }
  std::string operator()(seconds v) const { return quoted(format_duration(v)); }
  std::string operator()(const std::vector<seconds>& v) const {
    return list_text(v, [](seconds s) { return quoted(format_duration(s)); });
  }
  std::string operator()(const std::vector<std::string>& v) const { return list_text(v, quoted); }
  std::string operator()(const Listen& v) const {
    if (v.empty()) return quoted("off");
    return list_text(v, [](const Endpoint& e) { return quoted(e.to_string()); });
  }
  std::string operator()(const std::vector<CertificateFiles>& v) const {
    return list_text(v, [](const CertificateFiles& c) {
      return fmt::format("{{ chain = {}, key = {} }}", quoted(c.chain), quoted(c.key));
    });
  }
};

std::string range_text(const Option& option) {
  if (option.least == 0 && option.most == 0) return "";
  switch (option.kind) {
    case K::bytes:
      return fmt::format(", {} to {}", format_size(option.least), format_size(option.most));
    case K::duration:
    case K::durations:
      return fmt::format(", {} to {}", format_duration(seconds(option.least)),
                         format_duration(seconds(option.most)));
    default:
      return fmt::format(", {} to {}", option.least, option.most);
  }
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::span<const Option> options() {
  return kOptions;
}

std::span<const Section> sections() {
  return kSections;
}

std::string expected(const Option& option) {
  std::string range = range_text(option);
  switch (option.kind) {
    case K::text:
      return "text in quotes";
    case K::folder:
      return "a folder such as \"/var/lib/posthouse\"";
    case K::host:
      return "a host name such as \"mail.example.org\"";
    case K::peer:
      return "a host name such as \"relay.example.org\" or an address, without a port";
    case K::choice: {
      std::string words;
      for (std::string_view word : split(option.choices, ' ')) {
        if (!words.empty()) words += ", ";
        words += quoted(word);
      }
      return "one of " + words;
    }
    case K::toggle:
      return "true or false";
    case K::count:
      return "a whole number" + range;
    case K::bytes:
      return "a size such as \"50MiB\"" + range;
    case K::duration:
      return "a duration such as \"30s\", \"5m\" or \"5d\"" + range;
    case K::durations:
      return "a list of durations such as [\"5m\", \"1h\"], each" + (range.empty() ? "" : range.substr(1));
    case K::name_servers:
      return "a list of addresses such as [\"192.0.2.53\", \"::1@5353\"]";
    case K::extractors:
      return "a list of KIND=PROGRAM with pdf, office or word and a name or a path from /, such as "
             "[\"pdf=pdftotext\", \"office=/usr/local/bin/docs2txt\"]";
    case K::listen:
      return "\"off\" or a list of addresses with ports such as [\"0.0.0.0:25\", \"[::]:25\"]";
    case K::certificates:
      return "a list of certificates such as [{ chain = \"chain.pem\", key = \"key.pem\" }]";
  }
  return "";
}

std::string value_text(const Option& option, const Config& config) {
  Config copy = config;  // the accessors want a mutable one
  return std::visit([&](auto field) { return Renderer{option.kind}(field(copy)); }, option.field);
}

}  // namespace posthouse::app
