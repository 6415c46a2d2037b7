// search.extractors: which programs get the text out of attached documents.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "message/document.h"

namespace posthouse::app {

struct ExtractorSetting {
  message::DocumentKind kind = message::DocumentKind::none;
  std::string program;  // a name without "/", or a path from the root
};

// "KIND=PROGRAM"; KIND is pdf, office or word.
std::optional<ExtractorSetting> parse_extractor(std::string_view text);

}  // namespace posthouse::app
