// Which parts are the text of a message, and which are attached to it (RFC 8621 section 4.1.4).
#pragma once

#include <string>
#include <vector>

#include "message/summary.h"

namespace posthouse::message {

// Parts of the tree that body_lists() was given, in its order. An image beside text is in `text` or `html`
// and, if not in both, among the attachments too. Multiparts are in none; embedded messages are attachments
// and not looked into.
struct BodyLists {
  std::vector<const Part*> text;  // to show, where plain text is preferred
  std::vector<const Part*> html;  // to show, where HTML is preferred
  std::vector<const Part*> attachments;
  bool has_attachment() const;  // one that is not meant to be shown inline
};

BodyLists body_lists(const Part& root);
bool has_attachment(const Part& root);

// Whether a part without parts is shown with the text rather than attached. `parent`: the multipart whose
// last child it is so far; none: it is all of the message.
bool is_shown(const Part& part);
bool is_shown(const Part& part, const Part& parent);

// What a part is called: filename of its disposition, else the name of its type; UTF-8, "" if it has none.
std::string part_name(const Part& part);

}  // namespace posthouse::message
