// The overview in a summary record.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "message/overview.h"
#include "message/record_format.h"

namespace posthouse::message::record {

// `envelope`: the bytes of the envelope in the same record; texts that stand in it are not written again.
std::string write_overview(const Overview& overview, std::string_view envelope);

// Nothing if it is damaged. `has_attachment` stands elsewhere.
std::optional<Overview> read_overview(std::string_view bytes, std::string_view envelope);
// A text of it, which perhaps stands in the envelope.
std::string_view read_shared(Reader& r, std::string_view envelope);

}  // namespace posthouse::message::record
