// The language of what a person may read in responses (RFC 5255 section 3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::access::imap {

// i_default is English in US-ASCII, as before any LANGUAGE (RFC 2277 section 4.5).
enum class Language : uint8_t { i_default, english, german };

// All there are, as in a LANGUAGE response.
std::string language_tags();
std::string_view language_tag(Language language);
// The first of the ranges (in lower case) that names one, by lookup (RFC 4647 section 3.4).
std::optional<Language> find_language(const std::vector<std::string>& ranges);

// In that language, UTF-8; the text itself where there is no translation.
std::string translated(Language language, std::string_view text);
// The English texts that have one, for tests.
std::vector<std::string_view> texts_with_translation();

}  // namespace posthouse::access::imap
