#include "message/document.h"

#include <array>

#include "base/ascii.h"
#include "message/character_reference.h"
#include "message/content_field.h"
#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

constexpr size_t kMaxHeld = 64;

struct Known {
  std::string_view name;
  DocumentKind kind;
};
constexpr std::array<Known, 27> kExtensions = {
    {{"pdf", DocumentKind::pdf},     {"docx", DocumentKind::office}, {"docm", DocumentKind::office},
     {"dotx", DocumentKind::office}, {"dotm", DocumentKind::office}, {"xlsx", DocumentKind::office},
     {"xlsm", DocumentKind::office}, {"xltx", DocumentKind::office}, {"xltm", DocumentKind::office},
     {"pptx", DocumentKind::office}, {"pptm", DocumentKind::office}, {"potx", DocumentKind::office},
     {"potm", DocumentKind::office}, {"ppsx", DocumentKind::office}, {"ppsm", DocumentKind::office},
     {"odt", DocumentKind::office},  {"ods", DocumentKind::office},  {"odp", DocumentKind::office},
     {"odg", DocumentKind::office},  {"ott", DocumentKind::office},  {"ots", DocumentKind::office},
     {"otp", DocumentKind::office},  {"otg", DocumentKind::office},  {"odf", DocumentKind::office},
     {"odm", DocumentKind::office},  {"doc", DocumentKind::word},    {"dot", DocumentKind::word}}};

std::string file_name(const Part& part) {
  std::string name = parameter_text(part.disposition_parameters, "filename");
  return name.empty() ? parameter_text(part.parameters, "name") : name;
}

DocumentKind kind_of_name(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == name.npos) return DocumentKind::none;
  for (const Known& known : kExtensions) {
    if (iequals(known.name, name.substr(dot + 1))) return known.kind;
  }
  return DocumentKind::none;
}

void collect(const Part& part, size_t most, std::vector<Document>& out) {
  if (out.size() >= most) return;
  const DocumentKind kind = document_kind(part);
  if (kind != DocumentKind::none) out.push_back({&part, kind});
  for (const Part& child : part.children) collect(child, most, out);
}

// Elements of OpenDocument inside a line: their tags part no words.
constexpr std::array<std::string_view, 6> kInLine = {
    "span", "a", "bookmark", "bookmark-start", "bookmark-end", "soft-page-break"};
// Those of Office Open XML that do.
constexpr std::array<std::string_view, 10> kParting = {"p",  "tab", "br", "cr", "tc",
                                                       "tr", "si",  "is", "c",  "row"};

bool among(std::string_view name, const auto& names) {
  for (const std::string_view one : names) {
    if (one == name) return true;
  }
  return false;
}

}  // namespace

DocumentKind document_kind(const Part& part) {
  if (!iequals(part.type, "application") || !part.children.empty()) return DocumentKind::none;
  const std::string subtype = to_lower(part.subtype);
  if (subtype == "pdf" || subtype == "x-pdf") return DocumentKind::pdf;
  const bool office = subtype.starts_with("vnd.openxmlformats-officedocument.") ||
                      subtype.starts_with("vnd.oasis.opendocument.") || subtype.ends_with(".macroenabled.12");
  if (office) return DocumentKind::office;
  if (subtype == "msword") return DocumentKind::word;
  return kind_of_name(file_name(part));
}

std::vector<Document> documents(const Summary& summary, size_t most) {
  std::vector<Document> out;
  collect(summary.root, most, out);
  return out;
}

void OfficeText::feed(std::string_view xml, std::string& out) {
  while (!xml.empty()) {
    xml.remove_prefix(pass(xml, out));
    if (xml.empty()) return;
    take(xml.front(), out);
    xml.remove_prefix(1);
  }
}

// As much at the start of `xml` as changes no state.
size_t OfficeText::pass(std::string_view xml, std::string& out) {
  if (state_ == State::tag) return pass_tag(xml);
  if (state_ != State::text) return 0;
  const size_t end = std::min(xml.find_first_of("<&"), xml.size());
  if (taking_) out.append(xml.substr(0, end));
  return end;
}

size_t OfficeText::pass_tag(std::string_view xml) {
  bool ends = false;
  const size_t n = tag_.pass(xml, ends);
  if (ends) state_ = State::text;
  return n;
}

void OfficeText::take(char c, std::string& out) {
  switch (state_) {
    case State::text:
      if (c != '<' && c != '&') {  // behind a tag
        if (taking_) out += c;
        return;
      }
      state_ = c == '<' ? State::tag_name : State::entity;
      held_.clear();
      return;
    case State::entity:
      if (c != ';' && (is_alnum(c) || c == '#') && held_.size() < kMaxHeld) {
        held_ += c;
        return;
      }
      end_entity(out);
      if (c == '<' || c == '&') take(c, out);
      return;
    case State::tag_name: {
      const bool ends = c == '>' || c == ' ' || c == '\t' || c == '\r' || c == '\n' ||
                        (c == '/' && !held_.empty()) || held_.size() == kMaxHeld;
      if (!ends) {
        held_ += c;
        return;
      }
      end_tag_name(out);
      state_ = State::tag;
      tag_ = TagRest();
      pass_tag(std::string_view(&c, 1));
      return;
    }
    case State::tag:  // see pass()
      return;
  }
}

void OfficeText::end_tag_name(std::string& out) {
  if (held_.starts_with('?') || held_.starts_with('!')) {
    if (held_ == "?xml") begun_ = taking_ = false;
    return;
  }
  std::string_view name = held_;
  const bool closes = name.starts_with('/');
  if (closes) name.remove_prefix(1);
  const size_t colon = name.find(':');
  const std::string_view local = colon == name.npos ? name : name.substr(colon + 1);
  if (!std::exchange(begun_, true)) open_ = local.starts_with("document-");
  taking_ = open_ || (local == "t" && !closes);
  if (open_ ? !among(local, kInLine) : among(local, kParting)) out += ' ';
}

void OfficeText::end_entity(std::string& out) {
  state_ = State::text;
  const auto character = character_reference(held_);
  if (taking_ && character) append_utf8(out, *character);
}

}  // namespace posthouse::message
