#include "access/imap/known_fields.h"

#include <algorithm>
#include <utility>

#include "base/ascii.h"

namespace posthouse::access::imap {

namespace {

using wire::imap::FetchItem;

// Whatever case and order the fields are named in, what is picked is the same. Names may have any octets.
std::string name_of(const wire::imap::Section& section) {
  std::vector<std::string> names;
  for (const std::string& field : section.fields) names.push_back(to_lower(field));
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::string out = section.kind == wire::imap::Section::header_fields_not ? "not" : "fields";
  for (const std::string& name : names) out += " " + std::to_string(name.size()) + ":" + name;
  return out;
}

bool is_simple(FetchItem::Type type) {
  return type == FetchItem::flags || type == FetchItem::uid || type == FetchItem::modseq ||
         type == FetchItem::thread_id || type == FetchItem::internal_date || type == FetchItem::rfc822_size;
}

}  // namespace

const FieldsPage::Letter* FieldsPage::find(store::Uid uid) const {
  const auto found = std::partition_point(letters.begin(), letters.end(),
                                          [uid](const Letter& letter) { return letter.uid < uid; });
  return found == letters.end() || found->uid != uid ? nullptr : &*found;
}

void FieldsPage::add(const Letter& letter, std::string_view fields) {
  letters.push_back(letter);
  letters.back().at = static_cast<uint32_t>(text.size());
  letters.back().length = static_cast<uint32_t>(fields.size());
  text += fields;
}

KnownFields::KnownFields(Session& s, const FetchPlan& plan) : s_(s) {
  if (s.services.recall == nullptr) return;
  bool simple = true;
  for (size_t i = 0; i < plan.parts.size(); i++) {
    const FetchPart& part = plan.parts[i];
    if (!part.has_octets()) {
      simple = simple && is_simple(part.type);
      continue;
    }
    if (part.type != FetchItem::body || !part.selects_fields() || !part.section.part.empty()) return;
    parts_.emplace_back().index = i;
    parts_.back().name = name_of(part.section);
  }
  usable_ = !parts_.empty();
  needs_flags_only_ = usable_ && simple;
}

KnownFields::~KnownFields() {
  for (Part& part : parts_) put_away(part);
}

Recall::Key KnownFields::key_of(const Part& part) const {
  return Recall::key_of(*s_.view, part.name + " " + std::to_string(*part.number));
}

void KnownFields::turn_to(Part& part, store::Uid uid) {
  const store::Uid number = uid / kFieldsTogether;
  if (part.number == number) return;
  put_away(part);
  part.number = number;
  part.page = s_.services.recall->find<FieldsPage>(key_of(part));
}

// Another session may have added to the page meanwhile.
void KnownFields::put_away(Part& part) {
  if (part.fresh.empty() || !s_.view) return;
  std::ranges::sort(part.fresh, {}, [](const auto& one) { return one.first.uid; });
  const auto before = s_.services.recall->find<FieldsPage>(key_of(part));
  const auto now = std::make_shared<FieldsPage>();
  auto fresh = part.fresh.begin();
  const auto add_fresh = [&](store::Uid below) {
    for (; fresh != part.fresh.end() && fresh->first.uid < below; ++fresh)
      now->add(fresh->first, fresh->second);
  };
  if (before) {
    for (const FieldsPage::Letter& letter : before->letters) {
      add_fresh(letter.uid);
      if (fresh != part.fresh.end() && fresh->first.uid == letter.uid) ++fresh;
      now->add(letter, std::string_view(before->text).substr(letter.at, letter.length));
    }
  }
  add_fresh(UINT32_MAX);
  part.fresh.clear();
  const size_t octets =
      sizeof(FieldsPage) + now->letters.size() * sizeof(FieldsPage::Letter) + now->text.size();
  s_.services.recall->keep(key_of(part), now, octets);
}

bool KnownFields::find(store::Uid uid, std::vector<Piece>& out) {
  const size_t before = out.size();
  for (Part& part : parts_) {
    turn_to(part, uid);
    const FieldsPage::Letter* letter = part.page ? part.page->find(uid) : nullptr;
    if (letter == nullptr) {
      out.resize(before);
      return false;
    }
    out.push_back({part.page, letter});
  }
  return usable_;
}

void KnownFields::add(size_t index, const store::Entry& entry, std::string_view fields) {
  if (fields.size() > kLargestFields) return;
  for (Part& part : parts_) {
    if (part.index != index) continue;
    turn_to(part, entry.uid);
    part.fresh.emplace_back(FieldsPage::Letter{entry.uid, 0, 0, entry.size, entry.internal_date}, fields);
  }
}

}  // namespace posthouse::access::imap
