#include "wire/smtp/command.h"

#include "base/ascii.h"
#include "wire/smtp/limits.h"
#include "wire/smtp/path.h"

namespace posthouse::wire::smtp {
namespace {

using Parsed = std::expected<Command, SyntaxFault>;
using Parser = Parsed (*)(std::string_view argument);

Parsed refuse(int code, std::string_view status, std::string_view text) {
  return std::unexpected(SyntaxFault{code, status, text, false});
}

bool is_helo_character(char c) {
  return is_alnum(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
}

Parsed parse_hello(Hello::Kind kind, std::string_view argument) {
  if (argument.empty()) return refuse(501, "5.5.4", "Error: a host name is missing");
  if (argument.size() > kMaxDomain) return refuse(501, "5.5.4", "Error: host name too long");
  for (char c : argument) {
    if (!is_helo_character(c)) return refuse(501, "5.5.4", "Error: bad host name");
  }
  return Hello{kind, argument};
}

Parsed parse_helo(std::string_view argument) {
  return parse_hello(Hello::helo, argument);
}
Parsed parse_ehlo(std::string_view argument) {
  return parse_hello(Hello::ehlo, argument);
}
Parsed parse_lhlo(std::string_view argument) {
  return parse_hello(Hello::lhlo, argument);
}

// "FROM:" or "TO:" and the path. Blanks before the path are no part of the grammar, but some clients send
// them.
std::optional<PathCut> cut_after(std::string_view keyword, std::string_view argument) {
  if (!istarts_with(argument, keyword)) return std::nullopt;
  argument.remove_prefix(keyword.size());
  while (!argument.empty() && argument.front() == ' ') argument.remove_prefix(1);
  return cut_path(argument);
}

Parsed parse_mail(std::string_view argument) {
  if (!istarts_with(argument, "FROM:")) return refuse(501, "5.5.4", "Syntax: MAIL FROM:<address>");
  const std::optional<PathCut> cut = cut_after("FROM:", argument);
  if (!cut) return refuse(501, "5.1.7", "Error: bad sender address syntax");
  const auto parameters = parse_mail_parameters(cut->rest);
  if (!parameters) return std::unexpected(parameters.error());
  return Mail{cut->path, *parameters};
}

Parsed parse_rcpt(std::string_view argument) {
  if (!istarts_with(argument, "TO:")) return refuse(501, "5.5.4", "Syntax: RCPT TO:<address>");
  const std::optional<PathCut> cut = cut_after("TO:", argument);
  if (!cut || cut->path.empty()) return refuse(501, "5.1.3", "Error: bad recipient address syntax");
  const auto parameters = parse_rcpt_parameters(cut->rest);
  if (!parameters) return std::unexpected(parameters.error());
  return Rcpt{cut->path};
}

template <class Bare>
Parsed parse_bare(std::string_view argument) {
  if (!argument.empty()) return refuse(501, "5.5.4", "Error: this command takes no argument");
  return Bare{};
}

Parsed parse_vrfy(std::string_view argument) {
  constexpr std::string_view kSuffix = " SMTPUTF8";
  if (argument.size() > kSuffix.size() &&
      iequals(argument.substr(argument.size() - kSuffix.size()), kSuffix)) {
    argument.remove_suffix(kSuffix.size());
  }
  if (argument.empty()) return refuse(501, "5.5.4", "Syntax: VRFY address");
  return Vrfy{argument};
}

Parsed parse_help(std::string_view argument) {
  return Help{argument};
}
Parsed parse_noop(std::string_view) {
  return Noop{};
}

Parsed parse_etrn(std::string_view argument) {
  if (argument.empty() || argument.find(' ') != std::string_view::npos) {
    return refuse(501, "5.5.4", "Syntax: ETRN domain");
  }
  return Etrn{argument};
}

bool is_mechanism(std::string_view name) {
  if (name.empty() || name.size() > 20) return false;
  for (char c : name) {
    if (!is_alnum(c) && c != '-' && c != '_') return false;
  }
  return true;
}

Parsed parse_auth(std::string_view argument) {
  const size_t space = argument.find(' ');
  Auth auth{argument.substr(0, space), std::nullopt};
  if (!is_mechanism(auth.mechanism)) return refuse(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]");
  if (space == std::string_view::npos) return auth;
  auth.initial = argument.substr(space + 1);
  if (auth.initial->empty() || auth.initial->find(' ') != std::string_view::npos) {
    return refuse(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]");
  }
  if (*auth.initial == "=") auth.initial = std::string_view();  // RFC 4954 section 4: a response of no bytes
  return auth;
}

// RFC 5321 section 4.2.4: known, but not done here.
Parsed parse_unimplemented(std::string_view) {
  return refuse(502, "5.5.1", "Error: command not implemented");
}

// A web browser or proxy that was led here to talk to us in a stranger's name: there is nothing to discuss.
Parsed parse_web(std::string_view) {
  return std::unexpected(SyntaxFault{554, "5.5.1", "Error: this is a mail server", true});
}

struct Entry {
  std::string_view verb;
  Parser parse;
};

constexpr Entry kVerbs[] = {
    {"MAIL", parse_mail},
    {"RCPT", parse_rcpt},
    {"DATA", parse_bare<Data>},
    {"EHLO", parse_ehlo},
    {"HELO", parse_helo},
    {"LHLO", parse_lhlo},
    {"QUIT", parse_bare<Quit>},
    {"RSET", parse_bare<Rset>},
    {"NOOP", parse_noop},
    {"AUTH", parse_auth},
    {"STARTTLS", parse_bare<StartTls>},
    {"VRFY", parse_vrfy},
    {"HELP", parse_help},
    {"ETRN", parse_etrn},
    {"EXPN", parse_unimplemented},
    {"BDAT", parse_unimplemented},
    {"TURN", parse_unimplemented},
    {"SEND", parse_unimplemented},
    {"SOML", parse_unimplemented},
    {"SAML", parse_unimplemented},
    {"GET", parse_web},
    {"POST", parse_web},
    {"PUT", parse_web},
    {"CONNECT", parse_web},
};

}  // namespace

std::expected<Command, SyntaxFault> parse_command(std::string_view line) {
  if (!line.ends_with("\r\n")) return refuse(500, "5.5.2", "Error: only CRLF ends a line");
  line.remove_suffix(2);
  for (char c : line) {
    if (c == '\r' || c == '\n' || c == '\0') return refuse(500, "5.5.2", "Error: bare CR or LF, or NUL");
  }
  while (!line.empty() && is_wsp(line.back())) line.remove_suffix(1);
  const size_t space = std::min(line.find(' '), line.size());
  const std::string_view verb = line.substr(0, space);
  std::string_view argument = line.substr(space);
  while (!argument.empty() && argument.front() == ' ') argument.remove_prefix(1);
  const bool auth = iequals(verb, "AUTH");
  if (line.size() + 2 > (auth ? kMaxAuthLine : kMaxCommandLine)) {
    return refuse(500, "5.5.2", "Error: line too long");
  }
  for (const Entry& entry : kVerbs) {
    if (iequals(verb, entry.verb)) return entry.parse(argument);
  }
  return refuse(500, "5.5.2", "Error: command not recognized");
}

}  // namespace posthouse::wire::smtp
