// HTTP messages as plain values (RFC 9110).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"

namespace posthouse::net {

// The fields of a message, in their order. Names are compared without regard to case.
class HttpFields {
 public:
  using Field = std::pair<std::string, std::string>;

  HttpFields() = default;
  HttpFields(std::initializer_list<Field> fields) : fields_(fields) {}

  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  bool has(std::string_view name) const { return get(name).has_value(); }
  // The value of the first with that name.
  std::optional<std::string_view> get(std::string_view name) const;
  size_t count(std::string_view name) const;
  // Whether a comma-separated list (Connection, Accept-Encoding) names `token`, with a weight other than 0
  // (RFC 9110 section 12.4.2).
  bool lists(std::string_view name, std::string_view token) const;
  const std::vector<Field>& all() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

struct HttpRequest {
  std::string method;  // as sent: "GET"
  std::string path;    // begins with "/" (or is "*"), as sent: percent-encoded
  std::string query;   // what follows "?", or empty
  HttpFields fields;
  Endpoint peer;
  bool tls = false;
};

struct HttpReply {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";  // empty: none is told
  std::string body;
  HttpFields fields{};  // all but Content-Type, Content-Length, Transfer-Encoding, Connection and Date
};

// "Not Found"; empty for an unknown status.
std::string http_reason(int status);
// A reply that says no more than its status does.
HttpReply plain_http_reply(int status);
// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7).
std::string http_date(SystemTime when);
// %41 becomes A; nothing if that is broken, or would be a control character.
std::optional<std::string> percent_decoded(std::string_view text);

}  // namespace posthouse::net
