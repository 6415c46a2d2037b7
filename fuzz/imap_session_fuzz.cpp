// A logged-in session with a small mailbox, fed with any bytes in pieces of any size: it ends, and what it
// writes are whole lines without NUL, as long as nothing is compressed or asked for as octets.
#include "access/imap/session.h"

#include "base/ascii.h"
#include "mailbox_bed.h"

namespace {

using namespace posthouse;
using fuzz::check;

constexpr std::string_view kMessages[] = {
    "From: Bob <bob@example.test>\r\nSubject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\r\nplain text\r\n",
    "Subject: parts\r\nContent-Type: multipart/mixed; boundary=X\r\n\r\n--X\r\n\r\nfirst\r\n--X\r\n"
    "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ntext\r\n--X--\r\n",
};

Task<void> whole(std::string input, size_t chunk, bool& ended) {
  fuzz::MailboxBed bed;
  co_await fuzz::furnish(bed, kMessages);
  auto options = std::make_shared<access::imap::ServerOptions>();
  options->hostname = "fuzz";
  options->allow_plain_login = true;
  options->append_limit = 100'000;
  options->max_bad_commands = 1'000;
  options->message_limit = static_cast<uint32_t>(chunk % 2);  // there are two messages
  const access::imap::Services services{*bed.engine, bed.store, bed.ids, system_clock(),
                                        bed.alice,   nullptr,   nullptr, &bed.neighbours};
  std::string written;
  co_await access::imap::serve(std::make_unique<fuzz::FuzzStream>(input, chunk, written), options, services,
                               access::imap::make_session_registry(), "fuzz");
  const std::string commands = to_lower(input);
  const bool octets = commands.find("compress") != std::string::npos ||
                      commands.find("binary") != std::string::npos ||
                      commands.find("metadata") != std::string::npos;
  if (!octets) check(written.find('\0') == std::string::npos && written.ends_with("\r\n"));
  ended = true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::log_nothing();
  if (size == 0 || size > 20'000) return 0;
  std::string input = "a LOGIN alice x\r\nb SELECT INBOX\r\n";
  input.append(reinterpret_cast<const char*>(data) + 1, size - 1);
  fuzz::RunQueue queue;
  bool ended = false;
  spawn(whole(std::move(input), data[0] % 8 == 0 ? 1'000'000 : data[0], ended));
  queue.run();
  check(ended);
  return 0;
}
