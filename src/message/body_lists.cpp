#include "message/body_lists.h"

#include <algorithm>

#include "base/ascii.h"

namespace posthouse::message {
namespace {

bool is_type(const Part& part, std::string_view type, std::string_view subtype) {
  return iequals(part.type, type) && iequals(part.subtype, subtype);
}

bool is_media(const Part& part) {
  return iequals(part.type, "image") || iequals(part.type, "audio") || iequals(part.type, "video");
}

// Of a multipart/related only the first part; of text that has a name, only what comes first.
bool is_shown_there(const Part& part, const Part& parent, bool first) {
  if (iequals(part.disposition, "attachment")) return false;
  if (!is_type(part, "text", "plain") && !is_type(part, "text", "html") && !is_media(part)) return false;
  return first || (!iequals(parent.subtype, "related") && (is_media(part) || part_name(part).empty()));
}

// Where parts of one branch go: a list is null where the branch is the alternative to what that list holds.
struct Places {
  std::vector<const Part*>* text;
  std::vector<const Part*>* html;
};

class Sorter {
 public:
  explicit Sorter(BodyLists& lists) : lists_(lists) {}

  void sort(const Part& parent, Places places, bool in_alternative) {
    const bool alternative = iequals(parent.subtype, "alternative");
    in_alternative |= alternative;
    const size_t text_before = lists_.text.size(), html_before = lists_.html.size();
    for (const auto& part : parent.children) {
      const bool first = &part == &parent.children.front();
      if (part.is_multipart()) {
        sort(part, places, in_alternative);
      } else if (!is_shown_there(part, parent, first)) {
        lists_.attachments.push_back(&part);
      } else if (alternative) {
        place_alternative(part, places);
      } else {
        place(part, places, in_alternative);
      }
    }
    if (alternative && places.text != nullptr && places.html != nullptr) complete(text_before, html_before);
  }

  void place(const Part& part, Places& places, bool in_alternative) {
    if (in_alternative && is_type(part, "text", "plain")) places.html = nullptr;
    if (in_alternative && is_type(part, "text", "html")) places.text = nullptr;
    if (places.text != nullptr) places.text->push_back(&part);
    if (places.html != nullptr) places.html->push_back(&part);
    if ((places.text == nullptr || places.html == nullptr) && is_media(part))
      lists_.attachments.push_back(&part);
  }

 private:
  void place_alternative(const Part& part, const Places& places) {
    auto* list = is_type(part, "text", "plain")  ? places.text
                 : is_type(part, "text", "html") ? places.html
                                                 : nullptr;
    (list != nullptr ? *list : lists_.attachments).push_back(&part);
  }

  // An alternative with only one of the two forms stands for both.
  void complete(size_t text_before, size_t html_before) {
    auto &text = lists_.text, &html = lists_.html;
    const bool has_text = text.size() > text_before, has_html = html.size() > html_before;
    if (has_html && !has_text)
      text.insert(text.end(), html.begin() + static_cast<ptrdiff_t>(html_before), html.end());
    if (has_text && !has_html)
      html.insert(html.end(), text.begin() + static_cast<ptrdiff_t>(text_before), text.end());
  }

  BodyLists& lists_;
};

}  // namespace

bool BodyLists::has_attachment() const {
  return std::any_of(attachments.begin(), attachments.end(),
                     [](const Part* part) { return !iequals(part->disposition, "inline"); });
}

BodyLists body_lists(const Part& root) {
  BodyLists lists;
  Sorter sorter(lists);
  Places places{&lists.text, &lists.html};
  if (root.is_multipart()) {
    sorter.sort(root, places, false);
  } else if (is_shown(root)) {
    sorter.place(root, places, false);
  } else {
    lists.attachments.push_back(&root);
  }
  return lists;
}

bool has_attachment(const Part& root) {
  if (!root.is_multipart()) return !is_shown(root) && !iequals(root.disposition, "inline");
  return body_lists(root).has_attachment();
}

bool is_shown(const Part& part) {
  return is_shown_there(part, part, true);
}

bool is_shown(const Part& part, const Part& parent) {
  return is_shown_there(part, parent, parent.children.size() == 1);
}

std::string part_name(const Part& part) {
  std::string name = parameter_text(part.disposition_parameters, "filename");
  return name.empty() ? parameter_text(part.parameters, "name") : name;
}

}  // namespace posthouse::message
