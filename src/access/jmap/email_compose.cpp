#include "access/jmap/email_compose.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <functional>
#include <set>

#include "access/jmap/email_header.h"
#include "access/jmap/limits.h"
#include "base/ascii.h"
#include "message/builder.h"
#include "message/date.h"
#include "message/fold.h"

namespace posthouse::access::jmap {
namespace {

using Pieces = std::vector<MessagePiece>;

constexpr std::string_view kOfTheStore[] = {"mailboxIds", "keywords", "receivedAt"};
constexpr std::string_view kOfTheBody[] = {"bodyStructure", "bodyValues", "textBody", "htmlBody",
                                           "attachments"};

bool is_among(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_alnum(c) || std::string_view("!#$%&'*+-.^_`{|}~").contains(c);
  });
}

void add_octets(Pieces& pieces, std::string_view octets) {
  if (pieces.empty() || pieces.back().blob) pieces.emplace_back();
  pieces.back().octets += octets;
}

// One message while it is made.
class Composer {
 public:
  Composer(const json::object& email, const ComposeDefaults& defaults) : email_(email), defaults_(defaults) {}

  std::expected<Pieces, json::object> run() {
    std::set<std::string> fields;
    std::string header;
    for (const auto& one : email_) add_property(one.key(), one.value(), fields, header);
    if (!fields.contains("message-id"))
      message::append_field(header, "Message-ID",
                            message::make_message_id(defaults_.now, defaults_.random, defaults_.domain),
                            false);
    if (!fields.contains("date"))
      message::append_field(header, "Date", message::format_date(defaults_.now), false);
    header += "MIME-Version: 1.0\r\n";
    Pieces out;
    add_octets(out, header);
    add_body(out);
    if (wrong_.any()) return std::unexpected(wrong_.error());
    return out;
  }

 private:
  void add_property(std::string_view name, const json::value& value, std::set<std::string>& fields,
                    std::string& header) {
    if (is_among(name, kOfTheStore) || is_among(name, kOfTheBody)) return;
    const std::optional<HeaderProperty> property = parse_header_property(name);
    if (!property) return wrong_.add(name, "is nothing that a new letter is given");
    const std::string field = to_lower(property->field);
    if (field.starts_with("content-") || field == "mime-version")
      return wrong_.add(name, "is for the parts to say");
    if (!fields.insert(field).second) return wrong_.add(name, "is there twice");
    const std::optional<std::string> lines = header_lines(*property, value);
    if (!lines) return wrong_.add(name, "is not in the form that it should be");
    header += *lines;
  }

  const json::object* one_part(std::string_view name, std::string_view type) {
    const json::value* list = email_.if_contains(name);
    if (list == nullptr || list->is_null()) return nullptr;
    const json::object* part =
        list->is_array() && list->get_array().size() == 1 ? list->get_array().front().if_object() : nullptr;
    if (part == nullptr || type_of(*part, type) != type) wrong_.add(name, "is not one part of its type");
    return part;
  }

  static std::string type_of(const json::object& part, std::string_view otherwise) {
    const json::value* type = part.if_contains("type");
    if (type == nullptr || !type->is_string()) return std::string(otherwise);
    return to_lower(std::string_view(type->get_string()));
  }

  std::vector<const json::object*> attachments() {
    std::vector<const json::object*> out;
    const json::value* list = email_.if_contains("attachments");
    if (list == nullptr || list->is_null()) return out;
    if (!list->is_array()) wrong_.add("attachments", "is no list");
    if (!list->is_array()) return out;
    for (const json::value& one : list->get_array()) {
      if (!one.is_object()) wrong_.add("attachments", "has something in it that is no part");
      if (one.is_object()) out.push_back(&one.get_object());
    }
    return out;
  }

  void add_body(Pieces& out) {
    const json::value* structure = email_.if_contains("bodyStructure");
    const json::object* text = one_part("textBody", "text/plain");
    const json::object* html = one_part("htmlBody", "text/html");
    const std::vector<const json::object*> attached = attachments();
    if (structure != nullptr && !structure->is_null()) {
      if (text != nullptr || html != nullptr || !attached.empty())
        return wrong_.add("bodyStructure", "says the same as other properties");
      if (!structure->is_object()) return wrong_.add("bodyStructure", "is no part");
      return add_part(out, structure->get_object(), "bodyStructure", "text/plain", 0);
    }
    if (attached.empty()) return add_text(out, text, html);
    std::vector<std::function<void()>> parts;
    if (text != nullptr || html != nullptr) parts.emplace_back([&] { add_text(out, text, html); });
    for (const json::object* one : attached)
      parts.emplace_back([&, one] { add_part(out, *one, "attachments", "application/octet-stream", 0); });
    add_multipart(out, "mixed", parts);
  }

  void add_text(Pieces& out, const json::object* text, const json::object* html) {
    const auto add_plain = [&] { add_part(out, *text, "textBody", "text/plain", 0); };
    const auto add_html = [&] { add_part(out, *html, "htmlBody", "text/html", 0); };
    if (text != nullptr && html != nullptr) return add_multipart(out, "alternative", {add_plain, add_html});
    if (text != nullptr) return add_plain();
    if (html != nullptr) return add_html();
    add_octets(out, message::text_part("", "plain"));
  }

  void add_multipart(Pieces& out, std::string_view subtype, const std::vector<std::function<void()>>& parts) {
    const std::string boundary = message::make_boundary(defaults_.random);
    std::string header;
    message::append_field(header, "Content-Type",
                          fmt::format("multipart/{}; boundary=\"{}\"", subtype, boundary), false);
    add_octets(out, header + "\r\n");
    for (const std::function<void()>& part : parts) {
      add_octets(out, "--" + boundary + "\r\n");
      part();
    }
    add_octets(out, "--" + boundary + "--\r\n");
  }

  // What is said of a part beside its type and content. False: something is wrong.
  bool add_part_header(const json::object& part, std::string_view where, std::string& header,
                       bool with_text) {
    std::set<std::string> fields;
    for (const auto& one : part) {
      const std::string_view name = one.key();
      static constexpr std::string_view kPlain[] = {"partId",   "blobId",   "size",        "name",
                                                    "type",     "charset",  "disposition", "cid",
                                                    "language", "location", "subParts"};
      if (is_among(name, kPlain)) continue;
      const auto property = name.starts_with("header:") ? parse_header_property(name) : std::nullopt;
      const std::string field = property ? to_lower(property->field) : std::string();
      const bool good = property && field != "content-transfer-encoding" && field != "content-type" &&
                        field != "content-disposition" && fields.insert(field).second;
      const auto lines = good ? header_lines(*property, one.value()) : std::nullopt;
      if (!lines) wrong_.add(where, "has a part with a property that it may not have");
      if (lines) header += *lines;
    }
    if (with_text && (part.contains("charset") || part.contains("size")))
      wrong_.add(where, "has a part with text of which it says charset or size");
    add_disposition(part, where, header);
    if (const auto cid = text_of(part, "cid", where))
      message::append_field(header, "Content-ID", "<" + *cid + ">", false);
    if (const auto place = text_of(part, "location", where))
      message::append_field(header, "Content-Location", *place, false);
    const json::value* languages = part.if_contains("language");
    if (languages != nullptr && languages->is_array()) {
      std::string list;
      for (const json::value& one : languages->get_array()) {
        if (!one.is_string() || !is_token(one.get_string()))
          wrong_.add(where, "has a part with such a language");
        else
          list += (list.empty() ? "" : ", ") + std::string(one.get_string());
      }
      if (!list.empty()) message::append_field(header, "Content-Language", list, false);
    }
    return !wrong_.any();
  }

  void add_disposition(const json::object& part, std::string_view where, std::string& header) {
    const auto name = text_of(part, "name", where);
    auto disposition = text_of(part, "disposition", where);
    if (disposition && !is_token(*disposition))
      return wrong_.add(where, "has a part with such a disposition");
    if (!disposition && (name || where == "attachments")) disposition = "attachment";
    if (!disposition) return;
    message::append_field(header, "Content-Disposition",
                          name ? *disposition + "; " + message::filename_parameter(*name) : *disposition,
                          false);
  }

  std::optional<std::string> text_of(const json::object& part, std::string_view name,
                                     std::string_view where) {
    const json::value* value = part.if_contains(name);
    if (value == nullptr || value->is_null()) return std::nullopt;
    if (value->is_string() && !value->get_string().empty()) return std::string(value->get_string());
    wrong_.add(where, "has a part with something that is no text");
    return std::nullopt;
  }

  void add_part(Pieces& out, const json::object& part, std::string_view where, std::string_view usual,
                size_t depth) {
    if (depth > kMaxComposeDepth || ++parts_ > kMaxComposeParts)
      return wrong_.add(where, "has too many parts");
    const std::string type = type_of(part, usual);
    const size_t slash = type.find('/');
    if (slash == std::string::npos || !is_token(type.substr(0, slash)) || !is_token(type.substr(slash + 1)))
      return wrong_.add(where, "has a part with such a type");
    const json::value* part_id = part.if_contains("partId");
    const json::value* blob_id = part.if_contains("blobId");
    const bool with_text = part_id != nullptr && !part_id->is_null();
    const bool with_blob = blob_id != nullptr && !blob_id->is_null();
    std::string header;
    if (!add_part_header(part, where, header, with_text)) return;
    if (type.starts_with("multipart/")) return add_children(out, part, type, where, header, depth);
    if (with_text == with_blob)
      return wrong_.add(where, "has a part with neither or both of partId and blobId");
    if (with_text) return add_value(out, *part_id, type, where, header);
    add_blob(out, *blob_id, part, type, where, header);
  }

  void add_children(Pieces& out, const json::object& part, const std::string& type, std::string_view where,
                    const std::string& header, size_t depth) {
    const json::value* children = part.if_contains("subParts");
    if (children == nullptr || !children->is_array() || children->get_array().empty())
      return wrong_.add(where, "has a multipart without parts");
    add_octets(out, header);
    std::vector<std::function<void()>> parts;
    for (const json::value& child : children->get_array()) {
      if (!child.is_object()) return wrong_.add(where, "has something in it that is no part");
      parts.emplace_back([&, this] { add_part(out, child.get_object(), where, "text/plain", depth + 1); });
    }
    add_multipart(out, type.substr(type.find('/') + 1), parts);
  }

  void add_value(Pieces& out, const json::value& part_id, const std::string& type, std::string_view where,
                 const std::string& header) {
    const json::value* values = email_.if_contains("bodyValues");
    const json::value* found = values != nullptr && values->is_object() && part_id.is_string()
                                   ? values->get_object().if_contains(part_id.get_string())
                                   : nullptr;
    const json::object* value = found == nullptr ? nullptr : found->if_object();
    const json::value* text = value == nullptr ? nullptr : value->if_contains("value");
    if (text == nullptr || !text->is_string()) return wrong_.add("bodyValues", "has not what a part names");
    for (const char* flag : {"isEncodingProblem", "isTruncated"}) {
      if (value->contains(flag) && value->at(flag) != false) wrong_.add("bodyValues", "is not whole");
    }
    if (!type.starts_with("text/")) return wrong_.add(where, "has a part with text that is none by its type");
    add_octets(out, header + message::text_part(std::string_view(text->get_string()), type.substr(5)));
  }

  void add_blob(Pieces& out, const json::value& blob_id, const json::object& part, const std::string& type,
                std::string_view where, std::string header) {
    const std::optional<BlobId> blob =
        blob_id.is_string() ? parse_blob_id(blob_id.get_string()) : std::nullopt;
    std::string content = type;
    const auto charset = text_of(part, "charset", where);
    if (charset && type.starts_with("text/")) {
      if (!is_token(*charset)) return wrong_.add(where, "has a part with such a charset");
      content += "; charset=" + *charset;
    }
    message::append_field(header, "Content-Type", content, false);
    // Messages stay as they are (RFC 2046 section 5.2.1).
    const bool message = type == "message/rfc822" || type == "message/global";
    message::append_field(header, "Content-Transfer-Encoding", message ? "8bit" : "base64", false);
    add_octets(out, header + "\r\n");
    MessagePiece piece;
    // One that is no blob id at all is not found either.
    piece.blob = blob.value_or(BlobId{BlobId::Kind::upload, 0, ""});
    piece.blob_name = blob_id.is_string() ? std::string(blob_id.get_string()) : json::serialize(blob_id);
    piece.base64 = !message;
    out.push_back(std::move(piece));
    add_octets(out, message ? "\r\n" : "");
  }

  const json::object& email_;
  const ComposeDefaults& defaults_;
  WrongProperties wrong_{};
  size_t parts_ = 0;
};

}  // namespace

std::expected<Pieces, json::object> compose(const json::object& email, const ComposeDefaults& defaults) {
  return Composer(email, defaults).run();
}

}  // namespace posthouse::access::jmap
