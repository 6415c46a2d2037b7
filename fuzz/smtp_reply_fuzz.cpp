// Replies of any server: bounded, printable, and what we write ourselves is read back.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "wire/smtp/capabilities.h"
#include "wire/smtp/limits.h"
#include "wire/smtp/reply.h"

using namespace posthouse::wire::smtp;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  ReplyParser parser;
  for (size_t at = 0; at < input.size();) {
    const size_t end = std::min(input.find('\n', at), input.size() - 1) + 1;
    const auto parsed = parser.add_line(std::string_view(input).substr(at, end - at));
    at = end;
    if (!parsed || !*parsed) continue;
    const ReceivedReply& reply = **parsed;
    if (reply.code < 200 || reply.code > 599 || reply.text.size() > kMaxReplyText) abort();
    for (char c : reply.text) {
      if ((c < ' ' || c > '~') && c != '\t' && c != '\n') abort();
    }
    static_cast<void>(parse_capabilities(reply.text));
  }

  std::string wire;
  format_reply(wire, 550, "5.1.1", input);
  ReplyParser reader;
  for (size_t at = 0; at < wire.size();) {
    const size_t end = wire.find('\n', at) + 1;
    if (end - at > kReplyLine) abort();
    const auto parsed = reader.add_line(std::string_view(wire).substr(at, end - at));
    at = end;
    if (!parsed) return 0;  // more lines or text than the reader takes
    if (parsed->has_value() != (at == wire.size())) abort();
  }
  return 0;
}
