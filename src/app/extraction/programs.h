// The programs that get the text out of attached documents.
#pragma once

#include <string>
#include <vector>

#include "app/limits.h"
#include "message/document.h"

namespace posthouse::app {

// Reads the document from its standard input, a file, and writes text to its standard output.
struct ExtractorProgram {
  message::DocumentKind kind = message::DocumentKind::none;
  std::string path;
  std::vector<std::string> arguments;
  bool xml = false;  // what it writes is the XML of an office document; else text in UTF-8
};

// Of one document.
struct ExtractionLimits {
  milliseconds time = kExtractionTime;  // on the clock; as much of a processor, in whole seconds
  uint64_t memory = kExtractionMemory;  // octets of address space
};

// Those of search.extractors that there are, the first of each kind. Programs that are known by name get the
// arguments that they need for this, others none.
std::vector<ExtractorProgram> find_extractors(const std::vector<std::string>& settings);

}  // namespace posthouse::app
