// The grammar of responses. Forgiving where servers are known to be loose and nothing hangs on it.
#include <algorithm>

#include "base/ascii.h"
#include "wire/imap/date.h"
#include "wire/imap_client/limits.h"
#include "wire/imap_client/response_reader.h"

namespace posthouse::wire::imap_client {
namespace {

// Walks over the text of one response. Every function takes what it names off the front, or returns false.
class Walk {
 public:
  explicit Walk(std::string_view text) : rest_(text) {}

  std::string_view rest() const { return rest_; }
  bool eat(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool eat_word(std::string_view word) {
    if (!istarts_with(rest_, word)) return false;
    if (rest_.size() > word.size() && is_alnum(rest_[word.size()])) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  void spaces() {
    while (eat(' ')) {
    }
  }
  // Everything up to a blank, a parenthesis or a quote. Brackets may hold blanks: BODY[HEADER.FIELDS (A B)].
  bool atom(std::string_view& out) {
    size_t n = 0;
    bool within = false;
    for (; n < rest_.size(); ++n) {
      const char c = rest_[n];
      if (c == '[') within = true;
      if (c == ']') within = false;
      if (c == '\r' || c == '\n' || c == '\0' || c == '{') break;
      if (!within && (c == ' ' || c == '(' || c == ')' || c == '"')) break;
    }
    out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return n > 0;
  }
  bool quoted(std::string& out) {
    if (!eat('"')) return false;
    out.clear();
    while (!rest_.empty()) {
      char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (c == '\r' || c == '\n') return false;
      if (c == '\\') {
        if (rest_.empty()) return false;
        c = rest_.front();
        rest_.remove_prefix(1);
      }
      out += c;
    }
    return false;
  }
  bool literal(std::string& out) {
    if (rest_.starts_with("~{")) rest_.remove_prefix(1);
    if (!eat('{')) return false;
    const size_t close = rest_.find('}');
    if (close == rest_.npos) return false;
    std::string_view digits = rest_.substr(0, close);
    if (digits.ends_with('+')) digits.remove_suffix(1);
    const auto size = parse_uint(digits);
    rest_.remove_prefix(close + 1);
    eat('\r');
    if (!size || !eat('\n') || *size > rest_.size()) return false;
    out = rest_.substr(0, *size);
    rest_.remove_prefix(*size);
    return true;
  }
  bool is_string() const {
    return rest_.starts_with('"') || rest_.starts_with('{') || rest_.starts_with("~{");
  }
  bool string(std::string& out) { return rest_.starts_with('"') ? quoted(out) : literal(out); }
  bool astring(std::string& out) {
    if (is_string()) return string(out);
    std::string_view word;
    if (!atom(word)) return false;
    out = word;
    return true;
  }
  bool number(uint64_t& out) {
    const size_t n = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    const auto value = parse_uint(rest_.substr(0, n));
    if (!value) return false;
    out = *value;
    rest_.remove_prefix(n);
    return true;
  }
  bool number(uint32_t& out) {
    uint64_t value = 0;
    if (!number(value) || value > UINT32_MAX) return false;
    out = static_cast<uint32_t>(value);
    return true;
  }
  // "(\A \B)"
  bool words(std::vector<std::string>& out) {
    if (!eat('(')) return false;
    for (spaces(); !eat(')'); spaces()) {
      std::string_view word;
      if (out.size() == kMaxWords || !atom(word)) return false;
      out.emplace_back(word);
    }
    return true;
  }
  // Any one value, however deep.
  bool skip() {
    size_t depth = 0;
    do {
      spaces();
      std::string text;
      std::string_view word;
      if (eat('(')) {
        if (++depth > kMaxNesting) return false;
      } else if (depth > 0 && eat(')')) {
        --depth;
      } else if (!(is_string() ? string(text) : eat('\0') || atom(word))) {
        return false;
      }
    } while (depth > 0);
    return true;
  }
  bool at_end() {
    spaces();
    return rest_ == "\r\n" || rest_ == "\n";
  }

 private:
  std::string_view rest_;
};

std::string_view without_end(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

std::optional<std::vector<std::string>> capability_names(std::string_view text) {
  std::vector<std::string> out;
  for (const std::string_view word : split(text, ' ')) {
    if (word.empty()) continue;
    if (out.size() == kMaxWords) return std::nullopt;
    out.push_back(to_upper(word));
  }
  return out;
}

// RFC 3501 section 7.1: resp-text.
std::optional<Response> status(Status::Kind kind, std::string_view tag, std::string_view rest) {
  Status out;
  out.kind = kind;
  out.tag = tag;
  rest = without_end(rest);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  const size_t close = rest.find(']');
  if (rest.starts_with('[') && close != rest.npos) {
    const std::string_view code = rest.substr(1, close - 1);
    const size_t blank = std::min(code.find(' '), code.size());
    out.code = to_upper(code.substr(0, blank));
    out.code_value = trim(code.substr(blank));
    rest.remove_prefix(close + 1);
  }
  out.text = trim(rest);
  return out;
}

std::optional<Status::Kind> status_kind(Walk& walk) {
  if (walk.eat_word("OK")) return Status::ok;
  if (walk.eat_word("NO")) return Status::no;
  if (walk.eat_word("BAD")) return Status::bad;
  if (walk.eat_word("BYE")) return Status::bye;
  if (walk.eat_word("PREAUTH")) return Status::preauth;
  return std::nullopt;
}

// Quoted, or NIL.
bool separator(Walk& walk, char& out) {
  if (walk.eat_word("NIL")) return true;
  std::string text;
  if (!walk.quoted(text) || text.size() > 1) return false;
  out = text.empty() ? '\0' : text[0];
  return true;
}

std::optional<Response> listed(Walk walk) {
  Listed out;
  walk.spaces();
  if (!walk.words(out.attributes)) return std::nullopt;
  walk.spaces();
  if (!separator(walk, out.separator)) return std::nullopt;
  walk.spaces();
  if (walk.is_string()) {
    if (!walk.string(out.name)) return std::nullopt;
  } else {  // some servers forget the quotes of names with blanks, or brackets
    std::string_view rest = without_end(walk.rest());
    const size_t extended = rest.find(" (");
    out.name = rest.substr(0, extended);
  }
  if (out.name.find('\0') != std::string::npos) return std::nullopt;
  return out;
}

bool namespace_list(Walk& walk, std::vector<Namespaces::One>& out) {
  walk.spaces();
  if (walk.eat_word("NIL")) return true;
  if (!walk.eat('(')) return false;
  for (walk.spaces(); !walk.eat(')'); walk.spaces()) {
    Namespaces::One one;
    if (out.size() == kMaxWords || !walk.eat('(')) return false;
    walk.spaces();
    if (!walk.string(one.prefix)) return false;
    walk.spaces();
    if (!separator(walk, one.separator)) return false;
    for (walk.spaces(); !walk.eat(')'); walk.spaces()) {  // extensions
      if (!walk.skip()) return false;
    }
    out.push_back(std::move(one));
  }
  return true;
}

std::optional<Response> namespaces(Walk walk) {
  Namespaces out;
  if (!namespace_list(walk, out.personal) || !namespace_list(walk, out.others) ||
      !namespace_list(walk, out.shared))
    return std::nullopt;
  return out;
}

std::optional<Response> mailbox_status(Walk walk) {
  MailboxStatus out;
  walk.spaces();
  if (!walk.astring(out.name)) return std::nullopt;
  walk.spaces();
  if (!walk.eat('(')) return std::nullopt;
  for (walk.spaces(); !walk.eat(')'); walk.spaces()) {
    std::string_view item;
    if (!walk.atom(item)) return std::nullopt;
    walk.spaces();
    uint64_t value = 0;
    if (iequals(item, "MESSAGES")) {
      if (!walk.number(value)) return std::nullopt;
      out.messages = value;
    } else if (!walk.skip()) {
      return std::nullopt;
    }
  }
  return out;
}

bool body(Walk& walk, Fetched& out) {
  if (out.body != Fetched::none) return false;
  if (walk.eat('\0')) {
    out.body = Fetched::streamed;
  } else if (walk.eat_word("NIL")) {
    out.body = Fetched::nil;
  } else if (walk.string(out.text)) {
    out.body = Fetched::inside;
  } else {
    return false;
  }
  return true;
}

bool internal_date(Walk& walk, Fetched& out) {
  if (walk.eat_word("NIL")) return true;
  std::string text;
  int64_t when = 0;
  if (!walk.string(text)) return false;
  if (imap::parse_date_time(text, when)) out.date = when;
  return true;
}

bool fetch_item(Walk& walk, Fetched& out) {
  std::string_view name;
  if (!walk.atom(name)) return false;
  walk.spaces();
  if (iequals(name, "UID")) {
    uint32_t uid = 0;
    if (!walk.number(uid) || uid == 0) return false;
    out.uid = uid;
  } else if (iequals(name, "RFC822.SIZE")) {
    uint64_t size = 0;
    if (!walk.number(size)) return false;
    out.size = size;
  } else if (iequals(name, "FLAGS")) {
    std::vector<std::string> flags;
    if (!walk.words(flags)) return false;
    out.has_flags = true;
    for (const std::string& flag : flags) imap::add_flag(out.flags, flag);
  } else if (iequals(name, "INTERNALDATE")) {
    return internal_date(walk, out);
  } else if (iequals(name, "BODY[]") || iequals(name, "RFC822")) {
    return body(walk, out);
  } else {
    return walk.skip();
  }
  return true;
}

std::optional<Response> fetched(uint32_t sequence, Walk walk) {
  Fetched out;
  out.sequence = sequence;
  walk.spaces();
  if (!walk.eat('(')) return std::nullopt;
  for (walk.spaces(); !walk.eat(')'); walk.spaces()) {
    if (!fetch_item(walk, out)) return std::nullopt;
  }
  if (!walk.at_end()) return std::nullopt;
  return out;
}

std::optional<Response> untagged(Walk walk) {
  if (const auto kind = status_kind(walk)) return status(*kind, "", walk.rest());
  uint32_t number = 0;
  if (walk.number(number)) {
    walk.spaces();
    if (walk.eat_word("EXISTS")) return Exists{number};
    if (walk.eat_word("FETCH")) return fetched(number, walk);
    return Other{};
  }
  if (walk.eat_word("LIST") || walk.eat_word("XLIST")) return listed(walk);
  if (walk.eat_word("NAMESPACE")) return namespaces(walk);
  if (walk.eat_word("STATUS")) return mailbox_status(walk);
  const bool capability = walk.eat_word("CAPABILITY");
  if (!capability && !walk.eat_word("ENABLED")) return Other{};
  auto names = capability_names(without_end(walk.rest()));
  if (!names) return std::nullopt;
  return capability ? Response(Capabilities{std::move(*names)}) : Response(Enabled{std::move(*names)});
}

}  // namespace

bool Capabilities::has(std::string_view name) const {
  return std::ranges::find(names, name) != names.end();
}

bool Listed::is(std::string_view attribute) const {
  return std::ranges::any_of(attributes, [&](const std::string& one) { return iequals(one, attribute); });
}

std::optional<Response> parse_response(std::string_view text) {
  Walk walk(text);
  if (walk.eat('+')) return Continuation{std::string(trim(walk.rest()))};
  std::string_view tag;
  if (!walk.atom(tag)) return std::nullopt;
  walk.spaces();
  if (tag == "*") return untagged(walk);
  const auto kind = status_kind(walk);
  if (!kind || *kind == Status::bye || *kind == Status::preauth) return std::nullopt;
  return status(*kind, tag, walk.rest());
}

}  // namespace posthouse::wire::imap_client
