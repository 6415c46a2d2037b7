// Prints what src/message reads in messages: names of files come in on standard input, one JSON object a line
// goes out. tests/compare/test_message_shapes.py lays it beside what other libraries read.
#include <fmt/format.h>
#include <openssl/sha.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <set>

#include "base/ascii.h"
#include "compare/json.h"
#include "message/address_list.h"
#include "message/charset.h"
#include "message/content_field.h"
#include "message/encoded_word.h"
#include "message/headers.h"
#include "message/message_ids.h"
#include "message/search_text.h"
#include "message/summary.h"
#include "message/transfer.h"

namespace posthouse::compare {
namespace {

using namespace message;

// Size and sum.
std::string digest(std::string_view bytes) {
  unsigned char sum[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), sum);
  std::string out = std::to_string(bytes.size()) + " ";
  for (size_t i = 0; i < 8; ++i) out += fmt::format("{:02x}", sum[i]);
  return out;
}

class Shape {
 public:
  explicit Shape(std::string whole) : whole_(std::move(whole)), summary_(summarize(whole_)) {}

  std::string line() {
    json_.open('{');
    envelope(summary_.envelope);
    json_.key("date");
    summary_.has_date ? json_.number(summary_.date_seconds) : json_.null();
    const auto references = find_field(whole_, "References");
    json_.key("references");
    ids(references ? references->value : std::string_view());
    json_.key("parts").open('[');
    part(summary_.root, "");
    json_.close(']').close('}');
    return json_.line();
  }

 private:
  void envelope(const Envelope& e) {
    json_.key("subject");
    e.has_subject ? json_.text(decode_words(e.subject)) : json_.null();
    addresses("from", e.from);
    addresses("to", e.to);
    addresses("cc", e.cc);
    json_.key("message_id");
    ids(e.message_id);
    json_.key("in_reply_to");
    ids(e.in_reply_to);
  }

  void ids(std::string_view value) {
    json_.open('[');
    for (const auto& id : parse_message_ids(value)) json_.text(decode_words(id));
    json_.close(']');
  }

  void addresses(std::string_view key, const std::vector<EnvelopeAddress>& list) {
    json_.key(key).open('[');
    std::string group;
    for (const auto& a : list) {
      if (a.is_group_start() || a.is_group_end()) {
        group = a.is_group_start() ? decode_words(a.mailbox) : "";
        if (a.is_group_start()) json_.open('[').text(group).null().null().close(']');
        continue;
      }
      json_.open('[').text(group).text(decode_words(a.name));
      json_.text(to_utf8(a.host.empty() ? a.mailbox : Address{a.mailbox, a.host}.to_string(), "utf-8"))
          .close(']');
    }
    json_.close(']');
  }

  void parameters(std::string_view key, const Parameters& list) {
    json_.key(key).open('{');
    std::set<std::string> seen;
    for (const auto& [name, value] : list) {
      const std::string base = to_lower(name.ends_with('*') ? name.substr(0, name.size() - 1) : name);
      if (seen.insert(base).second) json_.key(decode_words(base)).text(parameter_text(list, base));
    }
    json_.close('}');
  }

  void part(const Part& p, const std::string& number) {
    json_.open('{');
    json_.key("number").text(number);
    json_.key("type").text(to_lower(p.type) + "/" + to_lower(p.subtype));
    parameters("parameters", p.parameters);
    json_.key("encoding").text(p.encoding.empty() ? "7bit" : to_lower(p.encoding));
    json_.key("disposition").text(to_lower(p.disposition));
    parameters("disposition_parameters", p.disposition_parameters);
    json_.key("id").text(p.id);
    json_.key("description").text(decode_words(p.description));
    const auto body = std::string_view(whole_).substr(p.body_begin, p.body_end - p.body_begin);
    if (p.children.empty()) leaf(p, body);
    if (p.envelope) {
      json_.key("envelope").open('{');
      envelope(*p.envelope);
      json_.close('}');
    }
    json_.close('}');
    for (size_t i = 0; i < p.children.size(); ++i) {
      part(p.children[i], (number.empty() ? "" : number + ".") + std::to_string(i + 1));
    }
  }

  void leaf(const Part& p, std::string_view body) {
    json_.key("octets").number(static_cast<int64_t>(body.size()));
    json_.key("lines").number(p.body_lines);
    TransferDecoder decoder(transfer_encoding(p.encoding));
    std::string bytes;
    decoder.feed(body, bytes);
    decoder.finish(bytes);
    json_.key("bytes").text(digest(bytes));
    if (!is_text_part(p)) return;
    PartTextDecoder text_decoder(p);
    std::string raw, text;
    text_decoder.feed(body, raw);
    text_decoder.finish(raw);
    for (char c : raw) {
      if (c == '\n' && text.ends_with('\r')) text.pop_back();
      text += c;
    }
    json_.key("text").text(digest(text));
  }

  std::string whole_;
  Summary summary_;
  Json json_;
};

}  // namespace
}  // namespace posthouse::compare

int main() {
  std::string name;
  while (std::getline(std::cin, name)) {
    std::ifstream file(name, std::ios::binary);
    std::string bytes(std::istreambuf_iterator<char>(file), {});
    std::cout << posthouse::compare::Shape(std::move(bytes)).line() << "\n";
  }
}
