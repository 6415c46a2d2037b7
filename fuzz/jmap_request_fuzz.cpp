// Any octets as a request of JMAP: a request or a problem; what it says survives being written and read
// again; references within its own calls copy no more than they may.
#include "wire/jmap/request.h"

#include <boost/json/serialize.hpp>

#include "session_bed.h"
#include "wire/jmap/limits.h"
#include "wire/jmap/reference.h"
#include "wire/jmap/strict_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace posthouse;
  using namespace posthouse::wire::jmap;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto value = parse_strict(text)) {
    // Not compared: numbers with many digits come back as a neighbour.
    fuzz::check(parse_strict(json::serialize(*value)).has_value());
  }
  const auto request = parse_request(text);
  if (!request) {
    fuzz::check(parse_strict(to_json(request.error())).has_value());
    return 0;
  }
  // As a server that echoes all it is asked.
  std::vector<Invocation> responses;
  Copied copied;
  for (Invocation call : request->calls) {
    const auto resolved = resolve_references(call.arguments, responses, copied);
    if (resolved) responses.push_back(std::move(call));
  }
  fuzz::check(copied.octets <= kMaxReferredOctets + size && copied.values <= 2 * kMaxReferredValues);
  return 0;
}
