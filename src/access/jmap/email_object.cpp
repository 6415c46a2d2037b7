#include "access/jmap/email_object.h"

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "access/jmap/blob_id.h"
#include "access/jmap/body_value.h"
#include "access/jmap/limits.h"
#include "base/ascii.h"
#include "message/body_lists.h"
#include "message/header_forms.h"

namespace posthouse::access::jmap {
namespace {

using message::Part;

struct Known {
  std::string section;   // "1.2"; "" of a multipart that is all of the message
  std::string header{};  // if it was asked for
  uint64_t size = 0;
};
using Parts = std::map<const Part*, Known>;

json::value text_or_null(std::string_view text) {
  if (text.empty()) return nullptr;
  return json::value(message::raw_form(text));
}

// The parts by their numbers (RFC 9051 section 6.4.5.1). What is attached is not looked into.
void number_parts(const Part& part, const std::string& section, Parts& parts) {
  parts[&part].section = section;
  if (!part.is_multipart()) return;
  for (size_t i = 0; i < part.children.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    number_parts(part.children[i], section.empty() ? number : section + "." + number, parts);
  }
}

Task<Result<uint64_t>> count(const LetterSource& source, const Part& part) {
  uint64_t size = 0;
  PartReader reader(source, part);
  while (!reader.done()) {
    Result<std::string> piece = co_await reader.next();
    if (!piece) co_return std::unexpected(piece.error());
    size += piece->size();
  }
  co_return size;
}

Task<Result<void>> look_at_parts(Parts& parts, const EmailPlan& plan, const LetterSource& source) {
  for (auto& [part, known] : parts) {
    if (plan.body_properties.contains("size")) {
      const std::optional<uint64_t> size = size_of(*part);
      Result<uint64_t> counted = size.value_or(0);
      if (!size) counted = co_await count(source, *part);
      if (!counted) co_return std::unexpected(counted.error());
      known.size = *counted;
    }
    if (!plan.wants_part_headers()) continue;
    const uint64_t length = std::min<uint64_t>(part->body_begin - part->header_begin, kMaxHeader);
    Result<std::string> header = co_await source.read(part->header_begin, length);
    if (!header) co_return std::unexpected(header.error());
    known.header = std::move(*header);
  }
  co_return Result<void>();
}

std::string_view inside_brackets(std::string_view id) {
  const size_t open = id.find('<'), close = id.rfind('>');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return id;
  return id.substr(open + 1, close - open - 1);
}

json::value languages_of(const Part& part) {
  if (part.languages.empty()) return nullptr;
  json::array out;
  for (const std::string& one : part.languages) out.emplace_back(message::raw_form(one));
  return out;
}

bool spend(TextBudget& budget, uint64_t octets) {
  if (octets > budget.left) return false;
  budget.left -= octets;
  return true;
}

std::unexpected<Fault> too_much_text() {
  return fail(FaultKind::over_quota, "there is too much text for one response");
}

// What makes one object of each part.
struct PartMaker {
  const EmailPlan& plan;
  const Parts& parts;
  const PartNames& names;

  json::value property(const Part& part, std::string_view name) const {
    const Known& known = parts.at(&part);
    const bool multipart = part.is_multipart();
    if (name == "partId") return multipart ? json::value(nullptr) : json::value(known.section);
    if (name == "blobId") {
      if (multipart) return nullptr;
      return json::value(
          format_blob_id({names.message.kind, names.message.id, names.prefix + known.section}));
    }
    if (name == "size") return known.size;
    if (name == "headers") return all_headers(known.header);
    if (name == "name") return text_or_null(message::part_name(part));
    if (name == "type")
      return json::value(message::raw_form(to_lower(part.type) + "/" + to_lower(part.subtype)));
    if (name == "charset")
      return iequals(part.type, "text") ? json::value(message::raw_form(charset_of(part)))
                                        : json::value(nullptr);
    if (name == "disposition") return text_or_null(to_lower(part.disposition));
    if (name == "cid") return text_or_null(inside_brackets(part.id));
    if (name == "language") return languages_of(part);
    return text_or_null(part.location);
  }

  json::object object(const Part& part, bool with_children) const {
    json::object out;
    for (const std::string& name : plan.body_properties) {
      if (name != "subParts") out[name] = property(part, name);
    }
    for (const HeaderProperty& header : plan.body_headers)
      out[header.name] = header_value(header, parts.at(&part).header);
    if (!with_children || !part.is_multipart()) {
      if (plan.body_properties.contains("subParts")) out["subParts"] = nullptr;
      return out;
    }
    json::array& children = out["subParts"].emplace_array();
    for (const Part& child : part.children) children.emplace_back(object(child, true));
    return out;
  }

  json::array list(const std::vector<const Part*>& some) const {
    json::array out;
    for (const Part* part : some) out.emplace_back(object(*part, false));
    return out;
  }
};

// Those whose text is asked for, each once.
std::vector<const Part*> parts_with_values(const EmailPlan& plan, const Parts& parts,
                                           const message::BodyLists& lists) {
  std::vector<const Part*> out;
  const auto add = [&](const Part* part) {
    if (iequals(part->type, "text") && std::ranges::find(out, part) == out.end()) out.push_back(part);
  };
  if (plan.text_values) std::ranges::for_each(lists.text, add);
  if (plan.html_values) std::ranges::for_each(lists.html, add);
  if (plan.all_values) {
    for (const auto& [part, known] : parts) add(part);
  }
  return out;
}

Task<Result<json::object>> body_values(const EmailPlan& plan, const LetterSource& source, const Parts& parts,
                                       const message::BodyLists& lists, TextBudget& budget) {
  json::object out;
  for (const Part* part : parts_with_values(plan, parts, lists)) {
    Result<json::object> value = co_await body_value(source, *part, plan.max_body_value);
    if (!value) co_return std::unexpected(value.error());
    const uint64_t size = value->at("value").as_string().size();
    if (!spend(budget, size)) co_return too_much_text();
    out[parts.at(part).section] = std::move(*value);
  }
  co_return out;
}

Task<Result<void>> add_parts(json::object& out, const EmailPlan& plan, const LetterSource& source,
                             const message::Summary& summary, const PartNames& names, TextBudget& budget) {
  Parts parts;
  number_parts(summary.root, summary.root.is_multipart() ? "" : "1", parts);
  Result<void> looked = co_await look_at_parts(parts, plan, source);
  if (!looked) co_return looked;
  const message::BodyLists lists = message::body_lists(summary.root);
  const PartMaker maker{plan, parts, names};
  if (plan.wants("bodyStructure")) out["bodyStructure"] = maker.object(summary.root, true);
  if (plan.wants("textBody")) out["textBody"] = maker.list(lists.text);
  if (plan.wants("htmlBody")) out["htmlBody"] = maker.list(lists.html);
  if (plan.wants("attachments")) out["attachments"] = maker.list(lists.attachments);
  if (plan.wants("bodyValues")) {
    Result<json::object> values = co_await body_values(plan, source, parts, lists, budget);
    if (!values) co_return std::unexpected(values.error());
    out["bodyValues"] = std::move(*values);
  }
  co_return Result<void>();
}

}  // namespace

Task<Result<void>> add_content(json::object& out, const EmailPlan& plan, const LetterSource& source,
                               const message::Summary& summary, PartNames names, TextBudget& budget) {
  if (plan.wants_header()) {
    const uint64_t length = std::min({summary.root.body_begin, source.size(), uint64_t{kMaxHeader}});
    Result<std::string> header = co_await source.read(0, length);
    if (!header) co_return std::unexpected(header.error());
    for (const HeaderProperty& property : plan.headers) {
      json::value value = header_value(property, *header);
      if (!spend(budget, json::serialize(value).size())) co_return too_much_text();
      out[property.name] = std::move(value);
    }
    if (plan.wants("headers")) {
      if (!spend(budget, header->size())) co_return too_much_text();
      out["headers"] = all_headers(*header);
    }
  }
  if (plan.wants("hasAttachment"))
    out["hasAttachment"] =
        summary.overview ? summary.overview->has_attachment : message::has_attachment(summary.root);
  if (plan.wants("preview")) out["preview"] = summary.overview ? summary.overview->preview : std::string();
  if (!plan.wants_parts()) co_return Result<void>();
  co_return co_await add_parts(out, plan, source, summary, names, budget);
}

}  // namespace posthouse::access::jmap
