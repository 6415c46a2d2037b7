// Any file is scanned the same in whole and in pieces, in time that grows with it; what is shown has the size
// that was told; and any message comes back from the file as it went in.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "mbox/scan.h"
#include "mbox/text.h"

namespace {

using namespace posthouse::mbox;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Scanned {
  bool good = true;
  std::vector<Record> records;
  uint64_t operations = 0;
};

Scanned scan(std::string_view text, size_t piece) {
  Scanned result;
  const auto read = [&](uint64_t at, size_t n) {
    return at >= text.size() ? std::string() : std::string(text.substr(at, n));
  };
  Scanner scanner([&](Record&& record) { result.records.push_back(std::move(record)); },
                  [&](uint64_t at) { return next_record_at(at, read); });
  for (size_t at = 0; at < text.size() && result.good; at += piece) {
    result.good = scanner.feed(text.substr(at, piece)).has_value();
  }
  if (result.good) result.good = scanner.finish().has_value();
  result.operations = scanner.operations();
  return result;
}

std::string shown(std::string_view text, const Record& record, size_t piece) {
  Decoder decoder(record);
  std::string out;
  while (!decoder.done()) decoder.write(text.substr(decoder.offset(), piece), out);
  return out;
}

void check_scan(std::string_view text) {
  const Scanned whole = scan(text, text.size() + 1);
  const Scanned pieces = scan(text, 3);
  require(whole.good == pieces.good && whole.records.size() == pieces.records.size());
  require(whole.operations <= 8 * text.size() + 64 && pieces.operations <= 8 * text.size() + 64);
  uint64_t at = 0;
  for (size_t i = 0; i < whole.records.size() && whole.good; ++i) {
    const Record& record = whole.records[i];
    require(record.offset == at && record.start <= record.body && record.body <= record.end);
    require(record.end <= record.next && record.digest == pieces.records[i].digest);
    require(record.raw == pieces.records[i].raw && record.size == pieces.records[i].size);
    at = record.next;
    const std::string message = shown(text, record, SIZE_MAX);
    require(message.size() == record.size && message == shown(text, record, 1));
  }
  require(!whole.good || at == text.size());
}

// No field of the letter is taken for the file's own, and what does not come back as it was is told.
void check_append(std::string_view message) {
  Encoder encoder;
  std::string file = "From a@b Sat Nov 28 12:00:00 2020\n";
  std::string body;
  for (size_t at = 0; at < message.size(); at += 5) encoder.write(message.substr(at, 5), body);
  encoder.finish(body);
  const bool form = needs_form(encoder.open(), body.empty() ? '\n' : body.front());
  if (form) file += form_line(encoder.open());
  file += body + "\n";
  const Scanned back = scan(file, 7);
  require(back.good && back.records.size() == 1);
  require(back.records[0].hidden.size() == (form ? 1 : 0));
  require(encoder.exact() == (shown(file, back.records[0], 4) == message));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_scan(text);
  check_append(text);
  return 0;
}
