// The text of HTML, for people who see only a line of it. No attempt at layout.
#pragma once

#include <string>
#include <string_view>

#include "message/tag_rest.h"

namespace posthouse::message {

// Streaming, in UTF-8. Tags and comments become a blank where they part words, what stands in style, script,
// head and title is left out, entities become characters. Never fails and holds at most a tag's name or an
// entity.
class HtmlText {
 public:
  void feed(std::string_view html, std::string& out);
  void finish(std::string& out);

 private:
  enum class State { text, entity, tag_name, tag, comment };
  size_t pass(std::string_view html, std::string& out);
  size_t pass_tag(std::string_view html);
  void take(char c, std::string& out);
  void begin_tag(char c, std::string& out);
  void end_tag_name(std::string& out);
  bool end_entity(std::string& out);
  void emit(std::string_view text, std::string& out) {
    if (left_out_.empty()) out.append(text);
  }

  State state_ = State::text;
  std::string held_;      // of an entity or of a tag's name
  std::string left_out_;  // the element whose content is passed over, or ""
  TagRest tag_;
  int dashes_ = 0;  // at the end of a comment so far
};

}  // namespace posthouse::message
