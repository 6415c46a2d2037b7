#include "wire/pop3/command.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "base/ascii.h"

namespace posthouse::wire::pop3 {

namespace {

struct Keyword {
  std::string_view name;
  Verb verb;
};

constexpr Keyword kKeywords[] = {{"APOP", Verb::apop}, {"AUTH", Verb::auth}, {"CAPA", Verb::capa},
                                 {"DELE", Verb::dele}, {"LANG", Verb::lang}, {"LIST", Verb::list},
                                 {"NOOP", Verb::noop}, {"PASS", Verb::pass}, {"QUIT", Verb::quit},
                                 {"RETR", Verb::retr}, {"RSET", Verb::rset}, {"STAT", Verb::stat},
                                 {"STLS", Verb::stls}, {"TOP", Verb::top},   {"UIDL", Verb::uidl},
                                 {"USER", Verb::user}, {"UTF8", Verb::utf8}};

// How many words may follow the keyword.
struct Arity {
  size_t least, most;
};

Arity arity_of(Verb verb) {
  switch (verb) {
    case Verb::dele:
    case Verb::retr:
      return {1, 1};
    case Verb::list:
    case Verb::uidl:
    case Verb::lang:
      return {0, 1};
    case Verb::top:
    case Verb::apop:
      return {2, 2};
    case Verb::auth:
      return {0, 2};
    default:
      return {0, 0};
  }
}

// More than one space between words is more than RFC 1939 section 3 allows, and harmless.
std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words = split(text, ' ');
  std::erase(words, std::string_view());
  return words;
}

Result<void> read_message(std::string_view word, Command& out) {
  const std::optional<uint64_t> number = parse_uint(word);
  if (!number || *number == 0 || *number > std::numeric_limits<uint32_t>::max()) {
    return fail(FaultKind::syntax, "Not a message number");
  }
  out.message = static_cast<uint32_t>(*number);
  return {};
}

Result<void> read_words(const std::vector<std::string_view>& words, Command& out) {
  const Arity arity = arity_of(out.verb);
  if (words.size() < arity.least) return fail(FaultKind::syntax, "Argument missing");
  if (words.size() > arity.most) return fail(FaultKind::syntax, "Too many arguments");
  if (words.empty() || out.verb == Verb::apop) return {};
  if (out.verb == Verb::auth || out.verb == Verb::lang) {
    out.text = words[0];
    if (words.size() == 2) out.initial = words[1];
    return {};
  }
  if (out.verb == Verb::top) {
    const std::optional<uint64_t> lines = parse_uint(words[1]);
    if (!lines) return fail(FaultKind::syntax, "Not a number of lines");
    out.lines = *lines;
  }
  return read_message(words[0], out);
}

}  // namespace

Result<Command> parse_command(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (std::ranges::any_of(line, [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; })) {
    return fail(FaultKind::syntax, "Control character in a command");
  }
  const size_t end = std::min(line.find(' '), line.size());
  const std::string_view name = line.substr(0, end);
  const auto* known =
      std::ranges::find_if(kKeywords, [&](const Keyword& k) { return iequals(k.name, name); });
  if (known == std::end(kKeywords)) return fail(FaultKind::syntax, "Unknown command");
  Command out;
  out.verb = known->verb;
  const std::string_view rest = line.substr(std::min(end + 1, line.size()));
  if (out.verb == Verb::pass) {
    // All of it, with its spaces (RFC 1939 section 7).
    if (rest.empty()) return fail(FaultKind::syntax, "Argument missing");
    out.password = Secret(std::string(rest));
    return out;
  }
  if (out.verb == Verb::user) {
    out.text = trim(rest);
    if (out.text.empty()) return fail(FaultKind::syntax, "Argument missing");
    return out;
  }
  Result<void> read = read_words(words_of(rest), out);
  if (!read) return std::unexpected(read.error());
  return out;
}

std::string_view name_of(Verb verb) {
  const auto* known = std::ranges::find(kKeywords, verb, &Keyword::verb);
  return known == std::end(kKeywords) ? std::string_view() : known->name;
}

}  // namespace posthouse::wire::pop3
