// A session with a small maildrop, fed with any bytes in pieces of any size: it ends, what it writes are
// whole lines without NUL that begin as answers do, and letters go only if QUIT was said.
#include "access/pop3/session.h"

#include "base/ascii.h"
#include "mailbox_bed.h"

namespace {

using namespace posthouse;
using fuzz::check;

constexpr std::string_view kLetters[] = {
    "From: Bob <bob@example.test>\r\nSubject: one\r\n\r\n.a dot\r\n..\r\n.\r\nplain text",
    "Subject: Gr\xc3\xbc\xc3\x9f"
    "e\r\nTo: j\xc3\xb6rg@example.test\r\n\r\n8 bit \xff\n.\nbare\r\n",
    "",
};

void check_output(std::string_view written) {
  check(written.starts_with("+OK fuzz POP3 ready\r\n"));
  check(written.ends_with("\r\n"));
  check(written.find('\0') == std::string_view::npos);
}

Task<void> whole(std::string input, size_t chunk, bool& ended) {
  fuzz::MailboxBed bed;
  co_await fuzz::furnish(bed, kLetters);
  auto options = std::make_shared<access::pop3::ServerOptions>();
  options->hostname = "fuzz";
  options->allow_plain_login = true;
  options->max_bad_commands = 1'000;
  const access::pop3::Services services{bed.store, system_clock(), bed.alice};
  std::string written;
  co_await access::pop3::serve(std::make_unique<fuzz::FuzzStream>(input, chunk, written), options, services,
                               access::pop3::make_maildrops(), "fuzz");
  check_output(written);
  Result<store::Usage> usage = co_await bed.store.usage(1);
  check(usage.has_value());
  check(usage->messages == std::size(kLetters) || to_lower(input).find("quit") != std::string::npos);
  ended = true;
}

}  // namespace

// The first octet says how the input is cut and whether it comes before login or after.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::log_nothing();
  if (size == 0 || size > 20'000) return 0;
  std::string input = data[0] % 2 == 0 ? "USER alice\r\nPASS x\r\n" : "";
  input.append(reinterpret_cast<const char*>(data) + 1, size - 1);
  fuzz::RunQueue queue;
  bool ended = false;
  spawn(whole(std::move(input), data[0] < 8 ? 1'000'000 : data[0] / 2, ended));
  queue.run();
  check(ended);
  return 0;
}
