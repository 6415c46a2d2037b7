// Prints what GMime reads in messages, in the words of message_shape.cpp: names of files come in on standard
// input, one JSON object a line goes out.
#include <gmime/gmime.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <set>

#include "compare/json.h"

namespace posthouse::compare {
namespace {

// Reference counts of GObject.
struct Unref {
  void operator()(gpointer object) const { g_object_unref(object); }
};
template <typename T>
using Ref = std::unique_ptr<T, Unref>;
struct Free {
  void operator()(char* text) const { g_free(text); }
};
using Text = std::unique_ptr<char, Free>;

std::string string_of(const char* text) {
  if (text == nullptr) return {};
  const Text valid(g_utf8_make_valid(text, -1));
  return valid.get();
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(g_ascii_tolower(c));
  return text;
}

// Size and sum.
std::string digest(std::string_view bytes) {
  const Text sum(g_compute_checksum_for_data(G_CHECKSUM_SHA256, reinterpret_cast<const guchar*>(bytes.data()),
                                             bytes.size()));
  return std::to_string(bytes.size()) + " " + std::string(sum.get(), 16);
}

std::string all_of(GMimeStream* stream) {
  std::string out;
  char piece[4096];
  g_mime_stream_reset(stream);
  for (ssize_t n; (n = g_mime_stream_read(stream, piece, sizeof piece)) > 0;)
    out.append(piece, static_cast<size_t>(n));
  return out;
}

class Shape {
 public:
  Shape(const std::string& bytes, GMimeParserOptions* options) : options_(options) {
    const Ref<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(bytes.data(), bytes.size()));
    const Ref<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
    message_.reset(g_mime_parser_construct_message(parser.get(), options));
  }

  std::string line() {
    if (!message_) return R"({"error":"no message"})";
    json_.open('{');
    envelope(message_.get());
    json_.key("date");
    GDateTime* date = g_mime_message_get_date(message_.get());
    date != nullptr ? json_.number(g_date_time_to_unix(date)) : json_.null();
    json_.key("references");
    ids(g_mime_object_get_header(GMIME_OBJECT(message_.get()), "References"));
    json_.key("parts").open('[');
    if (GMimeObject* root = g_mime_message_get_mime_part(message_.get())) part(root, "");
    json_.close(']').close('}');
    return json_.line();
  }

 private:
  void envelope(GMimeMessage* m) {
    json_.key("subject");
    const char* subject = g_mime_message_get_subject(m);
    subject != nullptr ? json_.text(string_of(subject)) : json_.null();
    addresses("from", g_mime_message_get_from(m));
    addresses("to", g_mime_message_get_to(m));
    addresses("cc", g_mime_message_get_cc(m));
    json_.key("message_id").open('[');
    if (const char* id = g_mime_message_get_message_id(m)) json_.text(string_of(id));
    json_.close(']');
    json_.key("in_reply_to");
    ids(g_mime_object_get_header(GMIME_OBJECT(m), "In-Reply-To"));
  }

  void ids(const char* value) {
    json_.open('[');
    if (value != nullptr) {
      GMimeReferences* list = g_mime_references_parse(options_, value);
      for (int i = 0; i < g_mime_references_length(list); ++i)
        json_.text(string_of(g_mime_references_get_message_id(list, i)));
      g_mime_references_free(list);
    }
    json_.close(']');
  }

  void addresses(std::string_view key, InternetAddressList* list) {
    json_.key(key).open('[');
    if (list != nullptr) add(list, "");
    json_.close(']');
  }

  void add(InternetAddressList* list, const std::string& group) {
    for (int i = 0; i < internet_address_list_length(list); ++i) {
      InternetAddress* a = internet_address_list_get_address(list, i);
      const std::string name = string_of(internet_address_get_name(a));
      if (INTERNET_ADDRESS_IS_GROUP(a)) {
        json_.open('[').text(name).null().null().close(']');
        add(internet_address_group_get_members(INTERNET_ADDRESS_GROUP(a)), name);
      } else {
        json_.open('[').text(group).text(name);
        json_.text(string_of(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(a)))).close(']');
      }
    }
  }

  void parameters(std::string_view key, GMimeParamList* list) {
    json_.key(key).open('{');
    std::set<std::string> seen;
    for (int i = 0; list != nullptr && i < g_mime_param_list_length(list); ++i) {
      GMimeParam* p = g_mime_param_list_get_parameter_at(list, i);
      const std::string name = lower(string_of(g_mime_param_get_name(p)));
      if (seen.insert(name).second) json_.key(name).text(string_of(g_mime_param_get_value(p)));
    }
    json_.close('}');
  }

  void part(GMimeObject* p, const std::string& number) {
    json_.open('{').key("number").text(number);
    GMimeContentType* type = g_mime_object_get_content_type(p);
    const Text name(g_mime_content_type_get_mime_type(type));
    json_.key("type").text(lower(string_of(name.get())));
    parameters("parameters", g_mime_content_type_get_parameters(type));
    json_.key("encoding").text(encoding(p));
    GMimeContentDisposition* disposition = g_mime_object_get_content_disposition(p);
    json_.key("disposition");
    json_.text(disposition == nullptr
                   ? ""
                   : lower(string_of(g_mime_content_disposition_get_disposition(disposition))));
    parameters("disposition_parameters",
               disposition == nullptr ? nullptr : g_mime_content_disposition_get_parameters(disposition));
    json_.key("id").text(string_of(g_mime_object_get_header(p, "Content-ID")));
    json_.key("description").text(string_of(g_mime_object_get_header(p, "Content-Description")));
    if (GMIME_IS_MESSAGE_PART(p))
      return embedded(g_mime_message_part_get_message(GMIME_MESSAGE_PART(p)), number);
    if (GMIME_IS_PART(p)) leaf(GMIME_PART(p));
    json_.close('}');
    if (!GMIME_IS_MULTIPART(p)) return;
    for (int i = 0; i < g_mime_multipart_get_count(GMIME_MULTIPART(p)); ++i) {
      part(g_mime_multipart_get_part(GMIME_MULTIPART(p), i), below(number, i));
    }
  }

  // Of one that it does not know, the field as it stands.
  static std::string encoding(GMimeObject* p) {
    const char* value = g_mime_object_get_header(p, "Content-Transfer-Encoding");
    if (value == nullptr || *value == '\0') return "7bit";
    const char* known = g_mime_content_encoding_to_string(g_mime_content_encoding_from_string(value));
    return lower(string_of(known == nullptr ? value : known));
  }

  static std::string below(const std::string& number, int i) {
    return (number.empty() ? "" : number + ".") + std::to_string(i + 1);
  }

  void embedded(GMimeMessage* m, const std::string& number) {
    if (m != nullptr) {
      json_.key("envelope").open('{');
      envelope(m);
      json_.close('}');
    }
    json_.close('}');
    if (m != nullptr && g_mime_message_get_mime_part(m) != nullptr)
      part(g_mime_message_get_mime_part(m), below(number, 0));
  }

  void leaf(GMimePart* p) {
    GMimeDataWrapper* content = g_mime_part_get_content(p);
    if (content == nullptr) return;
    const std::string raw = all_of(g_mime_data_wrapper_get_stream(content));
    json_.key("octets").number(static_cast<int64_t>(raw.size()));
    json_.key("lines").number(std::count(raw.begin(), raw.end(), '\n'));
    const Ref<GMimeStream> decoded(g_mime_stream_mem_new());
    g_mime_data_wrapper_write_to_stream(content, decoded.get());
    const std::string bytes = all_of(decoded.get());
    json_.key("bytes").text(digest(bytes));
    if (!GMIME_IS_TEXT_PART(p)) return;
    const Text text(g_mime_text_part_get_text(GMIME_TEXT_PART(p)));
    std::string utf8;
    for (char c : string_of(text.get())) {
      if (c == '\n' && utf8.ends_with('\r')) utf8.pop_back();
      utf8 += c;
    }
    json_.key("text").text(digest(utf8));
  }

  GMimeParserOptions* options_;
  Ref<GMimeMessage> message_;
  Json json_;
};

}  // namespace
}  // namespace posthouse::compare

int main() {
  g_mime_init();
  GMimeParserOptions* options = g_mime_parser_options_new();
  g_mime_parser_options_set_allow_addresses_without_domain(options, TRUE);
  const char* charsets[] = {"utf-8", "windows-1252", nullptr};
  g_mime_parser_options_set_fallback_charsets(options, charsets);
  std::string name;
  while (std::getline(std::cin, name)) {
    std::ifstream file(name, std::ios::binary);
    std::string bytes(std::istreambuf_iterator<char>(file), {});
    // The line of an mbox: as a file of that format the message would end at the next such line.
    if (bytes.starts_with("From ")) bytes.erase(0, bytes.find('\n') + 1);
    std::cout << posthouse::compare::Shape(bytes, options).line() << "\n";
  }
  g_mime_parser_options_free(options);
}
