// Just enough to write one line of JSON.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace posthouse::compare {

// Commas are put where they are needed. Texts are UTF-8.
class Json {
 public:
  Json& open(char bracket) { return put(std::string(1, bracket)), fresh_ = true, *this; }
  Json& close(char bracket) {
    out_ += bracket;
    fresh_ = false;
    return *this;
  }
  Json& key(std::string_view name) {
    text(name);
    out_ += ':';
    fresh_ = true;
    return *this;
  }
  Json& text(std::string_view value) { return put(quoted(value)); }
  Json& number(int64_t value) { return put(std::to_string(value)); }
  Json& null() { return put("null"); }
  const std::string& line() const { return out_; }

 private:
  Json& put(const std::string& token) {
    if (!fresh_) out_ += ',';
    fresh_ = false;
    out_ += token;
    return *this;
  }
  static std::string quoted(std::string_view value) {
    std::string out = "\"";
    for (char c : value) {
      if (c == '"' || c == '\\') out += '\\';
      if (static_cast<unsigned char>(c) < 0x20) {
        char escape[8];
        std::snprintf(escape, sizeof escape, "\\u%04x", c);
        out += escape;
      } else {
        out += c;
      }
    }
    return out += '"';
  }

  std::string out_;
  bool fresh_ = true;
};

}  // namespace posthouse::compare
