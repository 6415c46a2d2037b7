// Command lines: whatever comes, a typed command whose views lie inside the line, or a refusal.
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>

#include "wire/smtp/command.h"

namespace {

using namespace posthouse::wire::smtp;

void inside(std::string_view line, std::string_view view) {
  if (view.empty()) return;
  const std::less_equal<> before;
  if (!before(line.data(), view.data()) || !before(view.data() + view.size(), line.data() + line.size()))
    abort();
  if (view.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) abort();
}

void check(std::string_view line) {
  const auto parsed = parse_command(line);
  if (!parsed) {
    if (parsed.error().code < 500 || parsed.error().status.empty()) abort();
    return;
  }
  if (const auto* hello = std::get_if<Hello>(&*parsed)) inside(line, hello->domain);
  if (const auto* mail = std::get_if<Mail>(&*parsed)) inside(line, mail->path);
  if (const auto* rcpt = std::get_if<Rcpt>(&*parsed)) inside(line, rcpt->path);
  if (const auto* vrfy = std::get_if<Vrfy>(&*parsed)) inside(line, vrfy->argument);
  if (const auto* auth = std::get_if<Auth>(&*parsed)) inside(line, auth->initial.value_or(""));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string line(reinterpret_cast<const char*>(data), size);
  check(line);
  check(line + "\r\n");
  return 0;
}
