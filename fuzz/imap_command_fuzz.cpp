// The IMAP command grammar: whatever comes, in whatever pieces, the same events, within the limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "wire/imap/command_reader.h"
#include "wire/imap/list_pattern.h"
#include "wire/imap/mailbox_name.h"
#include "wire/imap/sequence_set.h"
#include "wire/imap/url.h"

using namespace posthouse::wire::imap;

namespace {

void use(const Command& command) {
  if (const auto* list = std::get_if<List>(&command)) {
    (void)ListPattern(list->pattern).matches("INBOX/some/name");
  } else if (const auto* fetch = std::get_if<Fetch>(&command)) {
    for (const NumberRange& range : resolve(fetch->set, 1000)) {
      if (range.first > range.last) std::abort();
    }
  } else if (const auto* create = std::get_if<Create>(&command)) {
    const auto name = decode_mailbox_name(create->mailbox);
    if (name && encode_mailbox_name(*name) != create->mailbox) std::abort();
  }
}

void decide(CommandReader& reader, const AppendParts& parts) {
  if (!reader.offers_body()) return;
  if (parts.empty() || parts.back().kind != AppendPart::literal) std::abort();
  if (parts.back().size % 2 == 0) {
    reader.accept_body();
  } else {
    reader.refuse_body();
  }
}

void read_urls(const AppendParts& parts) {
  for (const AppendPart& part : parts) {
    if (part.kind != AppendPart::url) continue;
    const auto url = parse_message_url(part.text, "some/mailbox");
    if (url && (url->uid == 0 || url->mailbox.empty())) std::abort();
  }
}

// All that happens, one line an event. Ends at a fatal error, as a session does.
std::string run(std::string_view text, size_t step, bool authenticated) {
  CommandReader reader;
  reader.set_utf8(text.size() % 2 == 0);
  reader.set_authenticated(authenticated);
  reader.set_append_limit(10'000);
  std::string log;
  for (size_t at = 0; at < text.size(); at += step) {
    std::string_view input = text.substr(at, step);
    while (!input.empty()) {
      if (reader.body_left() > 0) {
        log += reader.take_body(input);
        continue;
      }
      const Event event = reader.next(input);
      if (std::holds_alternative<NeedMore>(event)) continue;
      log += '\n' + std::to_string(event.index());
      if (const auto* rejected = std::get_if<Rejected>(&event)) {
        log += rejected->tag + rejected->text;
        if (rejected->fatal) return log;
      }
      if (const auto* next = std::get_if<NextBody>(&event)) {
        read_urls(next->parts);
        decide(reader, next->parts);
      }
      if (const auto* parsed = std::get_if<Parsed>(&event)) {
        log += parsed->tag + std::to_string(parsed->command.index());
        use(parsed->command);
        const auto* append = std::get_if<Append>(&parsed->command);
        const auto* replace = std::get_if<Replace>(&parsed->command);
        if (replace != nullptr) append = &replace->message;
        if (append != nullptr) {
          read_urls(append->parts);
          decide(reader, append->parts);
        }
      }
    }
  }
  return log;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > 40'000) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool authenticated = (data[0] & 1) != 0;
  const size_t step = 1 + (data[0] >> 1) % 16;
  if (run(text, text.size() + 1, authenticated) != run(text, step, authenticated)) std::abort();
  return 0;
}
