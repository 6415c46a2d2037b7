#include "message/header_summary.h"

#include "base/ascii.h"
#include "message/content_field.h"
#include "message/date.h"
#include "message/headers.h"
#include "message/limits.h"
#include "message/message_ids.h"
#include "message/scan.h"

namespace posthouse::message {
namespace {

// The fields that matter, found by name.
enum class Known {
  other,
  date,
  subject,
  from,
  sender,
  reply_to,
  to,
  cc,
  bcc,
  in_reply_to,
  message_id,
  references,
  received,
  content_type,
  content_id,
  content_description,
  content_encoding,
  content_md5,
  content_disposition,
  content_language,
  content_location
};

Known known_content(std::string_view rest) {
  switch (rest.size()) {
    case 2:
      return iequals(rest, "id") ? Known::content_id : Known::other;
    case 3:
      return iequals(rest, "md5") ? Known::content_md5 : Known::other;
    case 4:
      return iequals(rest, "type") ? Known::content_type : Known::other;
    case 8:
      if (iequals(rest, "language")) return Known::content_language;
      return iequals(rest, "location") ? Known::content_location : Known::other;
    case 11:
      if (iequals(rest, "description")) return Known::content_description;
      return iequals(rest, "disposition") ? Known::content_disposition : Known::other;
    case 17:
      return iequals(rest, "transfer-encoding") ? Known::content_encoding : Known::other;
    default:
      return Known::other;
  }
}

Known known_field(std::string_view name) {
  const auto is = [&](std::string_view what, Known known) {
    return iequals(name, what) ? known : Known::other;
  };
  switch (name.size()) {
    case 2:
      return iequals(name, "to") ? Known::to : is("cc", Known::cc);
    case 3:
      return is("bcc", Known::bcc);
    case 4:
      return iequals(name, "from") ? Known::from : is("date", Known::date);
    case 6:
      return is("sender", Known::sender);
    case 7:
      return is("subject", Known::subject);
    case 8:
      if (const Known known = is("reply-to", Known::reply_to); known != Known::other) return known;
      return is("received", Known::received);
    case 10:
      if (const Known known = is("message-id", Known::message_id); known != Known::other) return known;
      if (const Known known = is("references", Known::references); known != Known::other) return known;
      break;
    case 11:
      if (const Known known = is("in-reply-to", Known::in_reply_to); known != Known::other) return known;
      break;
    default:
      break;
  }
  constexpr std::string_view kContent = "content-";
  if (name.size() < kContent.size() || ascii_lower(name[0]) != 'c') return Known::other;
  return istarts_with(name, kContent) ? known_content(name.substr(kContent.size())) : Known::other;
}

// Keeps `text` if there is room for it.
void keep(std::string& slot, std::string text, Budget& budget) {
  if (text.size() > budget.text) {
    budget.truncated = true;
    return;
  }
  budget.text -= text.size();
  slot = std::move(text);
}

void keep_once(std::string& slot, bool& has, std::string_view raw, Budget& budget) {
  if (has) return;
  has = true;
  keep(slot, unfold(raw), budget);
}

void keep_first(std::string& slot, std::string_view raw, Budget& budget) {
  if (slot.empty()) keep(slot, unfold(raw), budget);
}

void keep_parameters(Parameters& slot, ContentField& field, Budget& budget) {
  if (field.truncated) budget.truncated = true;
  size_t size = 0;
  for (const auto& [name, value] : field.parameters) size += name.size() + value.size();
  if (size > budget.text) {
    budget.truncated = true;
    return;
  }
  budget.text -= size;
  slot = std::move(field.parameters);
}

void add_addresses(std::vector<EnvelopeAddress>& list, std::string_view raw, Budget& budget) {
  constexpr size_t kUsualAddresses = 4;
  if (list.empty()) list.reserve(kUsualAddresses);
  AddressListReader reader(raw);
  while (true) {
    EnvelopeAddress& entry = list.emplace_back();
    if (!reader.next(entry)) break;
    const size_t size = entry.name.size() + entry.route.size() + entry.mailbox.size() + entry.host.size();
    if (budget.addresses == 0 || size > budget.text) {
      budget.truncated = true;
      break;
    }
    --budget.addresses;
    budget.text -= size;
  }
  list.pop_back();
}

bool read_envelope_field(Known known, std::string_view raw, Envelope& e, Budget& budget) {
  switch (known) {
    case Known::date:
      keep_once(e.date, e.has_date, raw, budget);
      return true;
    case Known::subject:
      keep_once(e.subject, e.has_subject, raw, budget);
      return true;
    case Known::in_reply_to:
      keep_once(e.in_reply_to, e.has_in_reply_to, raw, budget);
      return true;
    case Known::message_id:
      keep_once(e.message_id, e.has_message_id, raw, budget);
      return true;
    case Known::from:
      add_addresses(e.from, raw, budget);
      return true;
    case Known::sender:
      add_addresses(e.sender, raw, budget);
      return true;
    case Known::reply_to:
      add_addresses(e.reply_to, raw, budget);
      return true;
    case Known::to:
      add_addresses(e.to, raw, budget);
      return true;
    case Known::cc:
      add_addresses(e.cc, raw, budget);
      return true;
    case Known::bcc:
      add_addresses(e.bcc, raw, budget);
      return true;
    default:
      return false;
  }
}

// The first field that has any.
void keep_references(std::vector<std::string>& slot, std::string_view raw, Budget& budget) {
  if (!slot.empty()) return;
  auto ids = parse_message_ids_as_written(raw);
  if (ids.size() > limits::kKeptReferences)
    ids.erase(ids.begin() + 1, ids.end() - static_cast<ptrdiff_t>(limits::kKeptReferences - 1));
  size_t size = 0;
  for (const auto& id : ids) size += id.size();
  if (size > budget.text) {
    budget.truncated = true;
    return;
  }
  budget.text -= size;
  slot = std::move(ids);
}

// What the overview has of fields that the envelope keeps. A text that the budget has no room for is none
// here either.
void complete_overview(const Envelope& envelope, Overview& overview) {
  overview.subject = base_subject(envelope.subject);
  if (auto ids = parse_message_ids(envelope.message_id); !ids.empty())
    overview.message_id = std::move(ids.front());
}

void read_content_type(std::string_view raw, Part& part, Budget& budget) {
  ContentField field = parse_content_field(raw);
  std::string type, subtype;
  if (!split_media_type(field.value, type, subtype) || type.size() + subtype.size() > budget.text) return;
  budget.text -= type.size() + subtype.size();
  part.type = std::move(type);
  part.subtype = std::move(subtype);
  keep_parameters(part.parameters, field, budget);
}

void read_mime_field(Known known, std::string_view raw, Part& part, Budget& budget) {
  switch (known) {
    case Known::content_type:
      if (part.type.empty()) read_content_type(raw, part, budget);
      break;
    case Known::content_disposition:
      if (part.disposition.empty()) {
        ContentField field = parse_content_field(raw);
        keep(part.disposition, field.value, budget);
        if (!part.disposition.empty()) keep_parameters(part.disposition_parameters, field, budget);
      }
      break;
    case Known::content_encoding:
      if (part.encoding.empty()) keep(part.encoding, parse_token(raw), budget);
      break;
    case Known::content_language:
      if (part.languages.empty()) {
        for (auto& tag : parse_languages(raw)) keep(part.languages.emplace_back(), std::move(tag), budget);
      }
      break;
    case Known::content_id:
      keep_first(part.id, raw, budget);
      break;
    case Known::content_description:
      keep_first(part.description, raw, budget);
      break;
    case Known::content_md5:
      keep_first(part.md5, raw, budget);
      break;
    case Known::content_location:
      keep_first(part.location, raw, budget);
      break;
    default:
      break;
  }
}

// RFC 2045 section 5.2 and RFC 2046 section 5.1.5.
void set_default_type(Part& part, bool digest_child) {
  if (!part.type.empty()) return;
  part.type = digest_child ? "MESSAGE" : "TEXT";
  part.subtype = digest_child ? "RFC822" : "PLAIN";
  if (!digest_child) part.parameters.emplace_back("CHARSET", "US-ASCII");
}

}  // namespace

void read_mime_header(std::string_view header, bool digest_child, Part& part, Budget& budget) {
  HeaderReader reader(header);
  HeaderField field;
  while (reader.next(field)) read_mime_field(known_field(field.name), field.value, part, budget);
  set_default_type(part, digest_child);
}

void read_envelope(std::string_view header, Envelope& envelope, Budget& budget) {
  HeaderReader reader(header);
  HeaderField field;
  while (reader.next(field)) read_envelope_field(known_field(field.name), field.value, envelope, budget);
}

void read_message_header(std::string_view header, Summary& summary, Budget& budget) {
  Overview& overview = summary.overview.emplace();
  HeaderReader reader(header);
  HeaderField field;
  while (reader.next(field)) {
    const Known known = known_field(field.name);
    if (known == Known::received) {
      ++summary.received_count;
    } else if (known == Known::references) {
      keep_references(overview.references, field.value, budget);
    } else if (known != Known::other && !read_envelope_field(known, field.value, summary.envelope, budget)) {
      read_mime_field(known, field.value, summary.root, budget);
    }
  }
  set_default_type(summary.root, false);
  complete_overview(summary.envelope, overview);
  if (const auto date = parse_date(summary.envelope.date)) {
    summary.has_date = true;
    summary.date_seconds = std::chrono::floor<std::chrono::seconds>(date->time).time_since_epoch().count();
    summary.date_offset_minutes = date->offset_minutes;
  }
}

}  // namespace posthouse::message
