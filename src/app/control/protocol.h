// What goes over the control socket: frames of a 4-byte big-endian length and that many bytes. A request is
// one JSON object {"verb": ..., "arguments": {...}}; the responses are JSON objects: any number of
// {"progress": [done, total]}, then one {"ok": value} or {"error": {"kind": ..., "what": ...}}. A "deliver"
// request is followed by the letter in frames and an empty frame; so is "import.letters", whose letters
// follow each other without anything in between. After the answer to "account.hold" {"address": ...} nothing
// more comes from either side; the end of the connection ends it.
#pragma once

#include <boost/json/fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/task.h"
#include "net/buffered_reader.h"
#include "net/stream.h"

namespace posthouse::app::control {

// The next frame of at most `limit` bytes. Fails with closed, timeout, or syntax for one that is longer.
Task<Result<std::string>> read_frame(net::BufferedReader& reader, size_t limit);
Task<Result<void>> write_frame(net::Stream& stream, std::string payload);

std::string ok_response(const boost::json::value& value);
std::string error_response(const Fault& fault);
std::string progress_response(uint64_t done, uint64_t total);

}  // namespace posthouse::app::control
