// What messages are gathered by: base subjects (RFC 5256 section 2.1) have nothing left to take off, and the
// record gives the thread base that the header does.
#include <cstdlib>

#include "message/headers.h"
#include "message/limits.h"
#include "message/message_ids.h"
#include "message/summary.h"
#include "message/thread.h"
#include "message/unicode_text.h"

using namespace posthouse::message;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check_subject(std::string_view value) {
  const BaseSubject base = base_subject(value);
  require(is_utf8(base.text) && base.text.size() <= 4 * value.size());
  require(!base.text.starts_with(' ') && !base.text.ends_with(' '));
}

void check_ids(std::string_view value) {
  const auto ids = parse_message_ids(value), written = parse_message_ids_as_written(value);
  require(ids.size() <= limits::kMessageIds && ids.size() == written.size());
  for (const auto& id : ids) require(!id.empty() && id.size() <= value.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view block(reinterpret_cast<const char*>(data), size);
  check_subject(block);
  check_ids(block);
  const ThreadBase expected = thread_base(block);
  const auto overview = read_overview(encode(summarize(block)));
  require(overview.has_value());
  require(overview->subject == expected.subject && overview->references.size() <= limits::kKeptReferences);
  return 0;
}
