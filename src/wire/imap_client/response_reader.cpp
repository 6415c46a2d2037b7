#include "wire/imap_client/response_reader.h"

#include <algorithm>

#include "base/ascii.h"
#include "wire/imap_client/limits.h"

namespace posthouse::wire::imap_client {
namespace {

std::string_view take(std::string_view& input, size_t n) {
  const std::string_view out = input.substr(0, n);
  input.remove_prefix(out.size());
  return out;
}

// "* 12 FETCH ..."
bool is_fetch(std::string_view text) {
  if (!text.starts_with("* ")) return false;
  text.remove_prefix(2);
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  return digits > 0 && istarts_with(text.substr(digits), " FETCH ");
}

// Text that ends with a status line is for people: what looks like a literal in it is none.
bool is_for_people(std::string_view text) {
  if (text.starts_with('+') || !text.starts_with("* ")) return true;
  for (const std::string_view word : {"OK", "NO", "BAD", "BYE", "PREAUTH"}) {
    const std::string_view rest = text.substr(2);
    if (istarts_with(rest, word) && (rest.size() == word.size() || !is_alnum(rest[word.size()]))) return true;
  }
  return false;
}

// The size of a literal that `line`, without its line end, announces, and where its header begins.
struct Header {
  uint64_t size = 0;
  size_t begin = 0;
};
std::optional<Header> literal_header(std::string_view line) {
  if (!line.ends_with('}')) return std::nullopt;
  const size_t open = line.rfind('{');
  if (open == line.npos) return std::nullopt;
  std::string_view digits = line.substr(open + 1, line.size() - open - 2);
  if (digits.ends_with('+')) digits.remove_suffix(1);
  const auto size = parse_uint(digits);
  if (!size) return std::nullopt;
  const bool binary = open > 0 && line[open - 1] == '~';  // literal8, RFC 3516
  return Header{*size, binary ? open - 1 : open};
}

bool awaits_body(std::string_view before) {
  const auto ends = [&](std::string_view with) {
    return before.size() >= with.size() && iequals(before.substr(before.size() - with.size()), with);
  };
  return ends("BODY[] ") || ends(" RFC822 ") || ends("(RFC822 ");
}

}  // namespace

Event ResponseReader::broken(std::string why) {
  state_ = State::broken;
  std::string().swap(text_);
  return Broken{std::move(why)};
}

Event ResponseReader::next(std::string_view& input) {
  while (state_ != State::broken) {
    if (state_ == State::body) {
      if (left_ > 0) return NeedMore{};  // take_body() first
      state_ = State::line;
    }
    if (input.empty()) return NeedMore{};
    Event event = state_ == State::literal ? on_literal(input) : on_line(input);
    if (!std::holds_alternative<NeedMore>(event)) return event;
  }
  return Broken{"the connection is out of step"};
}

std::string_view ResponseReader::take_body(std::string_view& input) {
  if (state_ != State::body) return {};
  const std::string_view out = take(input, std::min<uint64_t>(left_, input.size()));
  left_ -= out.size();
  return out;
}

Event ResponseReader::on_literal(std::string_view& input) {
  const std::string_view part = take(input, std::min<uint64_t>(left_, input.size()));
  text_ += part;
  left_ -= part.size();
  if (left_ == 0) {
    state_ = State::line;
    line_ = text_.size();
  }
  return NeedMore{};
}

Event ResponseReader::on_line(std::string_view& input) {
  const size_t end = input.find('\n');
  const std::string_view part = take(input, end == input.npos ? input.size() : end + 1);
  if (text_.size() + part.size() > kMaxResponse) return broken("a response is too long");
  if (part.find('\0') != part.npos) return broken("a NUL in a response");  // RFC 3501 section 9: CHAR
  text_ += part;
  return end == input.npos ? Event(NeedMore{}) : line_done();
}

Event ResponseReader::line_done() {
  std::string_view line = std::string_view(text_).substr(line_);
  line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  const auto header = is_for_people(text_) ? std::nullopt : literal_header(line);
  if (header) {
    const size_t begin = line_ + header->begin;
    left_ = header->size;
    if (is_fetch(text_) && awaits_body(std::string_view(text_).substr(0, begin))) {
      if (has_body_) return broken("a FETCH with two letters");
      has_body_ = true;
      text_.resize(begin);
      text_ += '\0';
      line_ = text_.size();
      state_ = State::body;
      return BodyBegins{left_};
    }
    if (left_ > kMaxLiteral || text_.size() + left_ > kMaxResponse)
      return broken("a literal is too long where no letter was asked for");
    line_ = text_.size();
    state_ = left_ > 0 ? State::literal : State::line;
    return NeedMore{};
  }
  auto parsed = parse_response(text_);
  if (!parsed) return broken("a response can't be read");
  text_.clear();
  line_ = 0;
  has_body_ = false;
  return std::move(*parsed);
}

}  // namespace posthouse::wire::imap_client
