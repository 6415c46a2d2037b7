// The text of a part (RFC 8621 section 4.1.4, EmailBodyValue).
#pragma once

#include <boost/json/object.hpp>

#include "access/jmap/part_reader.h"

namespace posthouse::access::jmap {

namespace json = boost::json;

// `most`: octets of the value; 0: as many as kMaxBodyValue. Reads no more than is told.
Task<Result<json::object>> body_value(const LetterSource& source, const message::Part& part, uint64_t most);

// Cut to at most so many octets: between two characters and, of HTML, between two tags.
std::string cut_text(std::string text, uint64_t most, bool html);

// What a part is called in a letter's bodyValues, and the charset of its text.
std::string charset_of(
    const message::Part& part);  // as the property has it: "us-ascii" where it says nothing

}  // namespace posthouse::access::jmap
