// Lines as commands, and letters as what follows "+OK": a client that undoes the dots gets the letter back,
// however it was cut.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "wire/pop3/command.h"
#include "wire/pop3/letter_writer.h"

namespace {

using namespace posthouse;

void check(bool good) {
  if (!good) std::abort();
}

void parse(std::string_view line) {
  const auto command = wire::pop3::parse_command(line);
  if (!command) {
    check(!command.error().what.empty() && command.error().what.find('\n') == std::string::npos);
    return;
  }
  check(!command->message || *command->message != 0);
  check(!wire::pop3::name_of(command->verb).empty());
  check(command->text.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
}

std::string sent(std::string_view letter, std::optional<uint64_t> lines, size_t step) {
  wire::pop3::LetterWriter writer(lines);
  std::string out;
  for (size_t at = 0; at < letter.size(); at += step) {
    if (!writer.feed(letter.substr(at, step), out)) break;
  }
  writer.finish(out);
  return out;
}

// What a client takes for the letter; ends at the first line of one dot.
std::string received(std::string_view out) {
  std::string letter;
  while (true) {
    const size_t end = out.find('\n');
    check(end != std::string_view::npos);
    std::string_view line = out.substr(0, end + 1);
    out.remove_prefix(end + 1);
    if (line == ".\r\n" || line == ".\n") break;
    if (line.starts_with('.')) line.remove_prefix(1);
    letter += line;
  }
  check(out.empty());
  return letter;
}

void write(std::string letter, size_t step, uint64_t lines) {
  const std::string out = sent(letter, {}, letter.size() + 1);
  check(out == sent(letter, {}, step));
  check(out.ends_with("\r\n.\r\n") && out.find('\0') == std::string::npos);
  for (char& c : letter) c = c == '\0' ? '\x80' : c;
  const std::string back = received(out);
  check(back.starts_with(letter) && back.size() <= letter.size() + 4);
  const std::string top = sent(letter, lines, step);
  check(top == sent(letter, lines, letter.size() + 1));
  const std::string head = received(top);
  check(back.starts_with(head) || head.size() <= letter.size() + 4);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 20'000) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 2, size - 2);
  parse(text);
  write(text, data[0] == 0 ? 1 : data[0], data[1]);
  return 0;
}
