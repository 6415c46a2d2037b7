// What an IMAP server says: whatever comes, in whatever pieces, the same responses, within the limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "wire/imap_client/limits.h"
#include "wire/imap_client/response_reader.h"

using namespace posthouse::wire::imap_client;

namespace {

struct Teller {
  std::string& log;
  void text(const std::string& one) const { log += one + ','; }
  void operator()(const Status& s) const { text(s.tag), text(s.code), text(s.code_value), text(s.text); }
  void operator()(const Continuation& c) const { text(c.text); }
  void operator()(const Capabilities& c) const { words(c.names); }
  void operator()(const Enabled& e) const { words(e.names); }
  void operator()(const Listed& l) const { words(l.attributes), text(l.name); }
  void operator()(const Namespaces& n) const {
    for (const auto* list : {&n.personal, &n.others, &n.shared}) {
      for (const auto& one : *list) text(one.prefix);
    }
  }
  void operator()(const Exists& e) const { text(std::to_string(e.count)); }
  void operator()(const MailboxStatus& s) const {
    text(s.name), text(std::to_string(s.messages.value_or(0)));
  }
  void operator()(const Fetched& f) const {
    if (f.uid && *f.uid == 0) std::abort();
    text(std::to_string(f.uid.value_or(0))), text(std::to_string(f.date.value_or(0)));
    words(f.flags.keywords), text(f.text), text(std::to_string(f.body));
  }
  void operator()(const Other&) const {}
  void words(const std::vector<std::string>& list) const {
    if (list.size() > kMaxWords) std::abort();
    for (const std::string& one : list) text(one);
  }
};

std::string run(std::string_view all, size_t step) {
  ResponseReader reader;
  std::string log;
  for (size_t at = 0; at < all.size(); at += step) {
    std::string_view input = all.substr(at, step);
    while (true) {
      log += reader.take_body(input);
      if (reader.body_left() > 0) break;
      const Event event = reader.next(input);
      if (std::holds_alternative<NeedMore>(event)) break;
      if (const auto* broken = std::get_if<Broken>(&event)) return log + broken->why;
      if (const auto* body = std::get_if<BodyBegins>(&event)) log += '{' + std::to_string(body->size);
      if (const auto* response = std::get_if<Response>(&event)) {
        log += '\n' + std::to_string(response->index());
        std::visit(Teller{log}, *response);
      }
    }
  }
  return log;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > 100'000) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (run(text, text.size() + 1) != run(text, 1 + data[0] % 32)) std::abort();
  return 0;
}
