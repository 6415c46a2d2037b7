#include "app/config/extractors.h"

namespace posthouse::app {

namespace {

message::DocumentKind kind_named(std::string_view name) {
  if (name == "pdf") return message::DocumentKind::pdf;
  if (name == "office") return message::DocumentKind::office;
  if (name == "word") return message::DocumentKind::word;
  return message::DocumentKind::none;
}

}  // namespace

std::optional<ExtractorSetting> parse_extractor(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == text.npos) return std::nullopt;
  const ExtractorSetting setting{kind_named(text.substr(0, equals)), std::string(text.substr(equals + 1))};
  const std::string& program = setting.program;
  const bool named = !program.empty() && (program.starts_with('/') || program.find('/') == program.npos);
  if (setting.kind == message::DocumentKind::none || !named) return std::nullopt;
  if (program.find('\0') != program.npos) return std::nullopt;
  return setting;
}

}  // namespace posthouse::app
