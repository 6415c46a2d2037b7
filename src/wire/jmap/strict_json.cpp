#include "wire/jmap/strict_json.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <cmath>
#include <unordered_set>

#include "wire/jmap/limits.h"

namespace posthouse::wire::jmap {
namespace {

using Error = json::error_code;

Error refused() {
  return json::error::syntax;
}

// What json::basic_parser calls: builds the value, and looks at names and numbers of values on the way.
class Builder {
 public:
  static constexpr size_t max_object_size = kMaxValues;
  static constexpr size_t max_array_size = kMaxValues;
  static constexpr size_t max_key_size = 1 << 20;
  static constexpr size_t max_string_size = size_t{1} << 30;

  Builder() { stack_.reset(); }
  json::value take() { return stack_.release(); }

  bool on_document_begin(Error&) { return true; }
  bool on_document_end(Error&) { return true; }
  bool on_object_begin(Error&) {
    names_.emplace_back();
    return true;
  }
  bool on_object_end(size_t n, Error& error) {
    names_.pop_back();
    stack_.push_object(n);
    return counted(error);
  }
  bool on_array_begin(Error&) { return true; }
  bool on_array_end(size_t n, Error& error) {
    stack_.push_array(n);
    return counted(error);
  }
  bool on_key_part(json::string_view part, size_t, Error&) {
    key_.append(part.data(), part.size());
    stack_.push_chars(part);
    return true;
  }
  bool on_key(json::string_view part, size_t, Error& error) {
    key_.append(part.data(), part.size());
    stack_.push_key(part);
    const bool first = names_.back().insert(std::move(key_)).second;
    key_.clear();
    if (!first) error = refused();
    return first;
  }
  bool on_string_part(json::string_view part, size_t, Error&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_string(json::string_view part, size_t, Error& error) {
    stack_.push_string(part);
    return counted(error);
  }
  bool on_number_part(json::string_view, Error&) { return true; }
  bool on_int64(int64_t number, json::string_view, Error& error) {
    stack_.push_int64(number);
    return counted(error);
  }
  bool on_uint64(uint64_t number, json::string_view, Error& error) {
    stack_.push_uint64(number);
    return counted(error);
  }
  bool on_double(double number, json::string_view, Error& error) {
    if (!std::isfinite(number)) error = json::error::exponent_overflow;
    stack_.push_double(number);
    return !error && counted(error);
  }
  bool on_bool(bool value, Error& error) {
    stack_.push_bool(value);
    return counted(error);
  }
  bool on_null(Error& error) {
    stack_.push_null();
    return counted(error);
  }
  bool on_comment_part(json::string_view, Error&) { return true; }
  bool on_comment(json::string_view, Error&) { return true; }

 private:
  bool counted(Error& error) {
    if (++values_ > kMaxValues) error = refused();
    return values_ <= kMaxValues;
  }

  json::value_stack stack_;
  std::vector<std::unordered_set<std::string>> names_;  // of the objects that are open
  std::string key_;
  size_t values_ = 0;
};

}  // namespace

Result<json::value> parse_strict(std::string_view text) {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::basic_parser<Builder> parser(options);
  Error error;
  const size_t used = parser.write_some(false, text.data(), text.size(), error);
  if (!error && used < text.size()) {
    const bool only_blanks = text.find_first_not_of(" \t\r\n", used) == std::string_view::npos;
    if (!only_blanks) error = json::error::extra_data;
  }
  if (error) return fail(FaultKind::syntax, "no JSON: " + error.message());
  return parser.handler().take();
}

}  // namespace posthouse::wire::jmap
