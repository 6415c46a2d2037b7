#include "access/jmap/email_plan.h"

#include <algorithm>

namespace posthouse::access::jmap {
namespace {

constexpr std::string_view kPlain[] = {"id",       "blobId",     "threadId",    "mailboxIds",    "keywords",
                                       "size",     "receivedAt", "headers",     "bodyStructure", "bodyValues",
                                       "textBody", "htmlBody",   "attachments", "hasAttachment", "preview"};
constexpr std::string_view kPart[] = {"partId",  "blobId",      "size", "headers",  "name",     "type",
                                      "charset", "disposition", "cid",  "language", "location", "subParts"};
// What is told when nobody says what is wanted (RFC 8621 section 4.2).
constexpr std::string_view kUsual[] = {
    "id",        "blobId",    "threadId",   "mailboxIds", "keywords",      "size",    "receivedAt",
    "messageId", "inReplyTo", "references", "sender",     "from",          "to",      "cc",
    "bcc",       "replyTo",   "subject",    "sentAt",     "hasAttachment", "preview", "bodyValues",
    "textBody",  "htmlBody",  "attachments"};
constexpr std::string_view kUsualPart[] = {"partId",  "blobId",      "size", "name",     "type",
                                           "charset", "disposition", "cid",  "language", "location"};

template <size_t N>
std::vector<std::string> all_of(const std::string_view (&names)[N]) {
  return {std::begin(names), std::end(names)};
}

void take_properties(Arguments& arguments, EmailPlan& plan, bool of_store) {
  std::vector<std::string> usual = all_of(kUsual);
  if (!of_store) usual.erase(usual.begin(), std::ranges::find(usual, "messageId"));  // section 4.9
  for (const std::string& name : arguments.strings("properties").value_or(usual)) {
    if (std::ranges::find(kPlain, name) != std::end(kPlain)) {
      plan.properties.insert(name);
    } else if (auto header = parse_header_property(name)) {
      plan.headers.push_back(std::move(*header));
    } else {
      arguments.refuse("properties", fmt::format("has \"{}\" in it, which letters do not have", name));
    }
  }
  if (of_store) plan.properties.insert("id");
}

// Short names are the letter's alone.
void take_part_properties(Arguments& arguments, EmailPlan& plan) {
  for (const std::string& name : arguments.strings("bodyProperties").value_or(all_of(kUsualPart))) {
    auto header = is_short_header_name(name) ? std::nullopt : parse_header_property(name);
    if (std::ranges::find(kPart, name) != std::end(kPart)) {
      plan.body_properties.insert(name);
    } else if (header) {
      plan.body_headers.push_back(std::move(*header));
    } else {
      arguments.refuse("bodyProperties", fmt::format("has \"{}\" in it, which parts do not have", name));
    }
  }
}

}  // namespace

EmailPlan take_email_plan(Arguments& arguments, bool of_store) {
  EmailPlan plan;
  take_properties(arguments, plan, of_store);
  take_part_properties(arguments, plan);
  plan.text_values = arguments.boolean("fetchTextBodyValues", false);
  plan.html_values = arguments.boolean("fetchHTMLBodyValues", false);
  plan.all_values = arguments.boolean("fetchAllBodyValues", false);
  plan.max_body_value = arguments.unsigned_integer("maxBodyValueBytes").value_or(0);
  return plan;
}

}  // namespace posthouse::access::jmap
