// Attached documents that are no text themselves but have some: PDF and what offices write.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "message/summary.h"
#include "message/tag_rest.h"

namespace posthouse::message {

enum class DocumentKind : uint8_t {
  none,
  pdf,
  office,  // zip archives of XML: Office Open XML (ECMA-376) and OpenDocument (ISO/IEC 26300)
  word,    // Microsoft Word 97 to 2003
};

// By the media type, or by the name of the file where that says nothing, as with application/octet-stream.
DocumentKind document_kind(const Part& part);

struct Document {
  const Part* part;
  DocumentKind kind;
};
// All of the tree, in order, those in embedded messages too; at most `most`.
std::vector<Document> documents(const Summary& summary, size_t most);

// The text in the XML of office documents: content.xml of OpenDocument, document, sheets and slides of
// Office Open XML, one behind the other. Streaming, in UTF-8 if the XML is. Paragraphs and cells become
// words of their own, runs of different looks do not. Never fails and holds at most a tag's name or an
// entity.
class OfficeText {
 public:
  void feed(std::string_view xml, std::string& out);

 private:
  enum class State : uint8_t { text, entity, tag_name, tag };
  size_t pass(std::string_view xml, std::string& out);
  size_t pass_tag(std::string_view xml);
  void take(char c, std::string& out);
  void end_tag_name(std::string& out);
  void end_entity(std::string& out);

  State state_ = State::text;
  std::string held_;  // of an entity or of a tag's name
  TagRest tag_;
  bool begun_ = false;   // behind the first tag of an XML file
  bool open_ = false;    // it is OpenDocument: all content is text
  bool taking_ = false;  // what comes is text
};

}  // namespace posthouse::message
