// Compressed octets of any kind in pieces of any size, which the server may end (COMPRESS and
// UNAUTHENTICATE): all is read that zlib reads at once, up to where the two part, and the reader is never
// kept.
#include "net/deflate_stream.h"

#include <zlib.h>

#include <optional>

#include "session_bed.h"

namespace {

using namespace posthouse;
using fuzz::check;

// A deflated octet may stand for so many (a match of 258 in two bits).
constexpr size_t kMostOfOne = 258 * 4;

// As far as it is one stream of good octets.
std::string inflated_at_once(std::string in) {
  std::string out(in.size() * kMostOfOne + 1, '\0');
  z_stream zip{};
  check(inflateInit2(&zip, -15) == Z_OK);
  zip.next_in = reinterpret_cast<Bytef*>(in.data());
  zip.avail_in = static_cast<uInt>(in.size());
  zip.next_out = reinterpret_cast<Bytef*>(out.data());
  zip.avail_out = static_cast<uInt>(out.size());
  inflate(&zip, Z_SYNC_FLUSH);
  out.resize(out.size() - zip.avail_out);
  inflateEnd(&zip);
  return out;
}

struct Sizes {
  size_t chunk;  // that the peer's octets come in
  size_t read;
  size_t end;  // after so many octets the server ends compression
};

Task<void> whole(std::string input, Sizes sizes, bool& done) {
  std::string written;
  net::DeflateStream stream(std::make_unique<fuzz::FuzzStream>(input, sizes.chunk, written));
  stream.begin();
  std::string text;
  std::optional<size_t> ended;
  std::string piece(sizes.read, '\0');
  for (;;) {
    if (!ended && text.size() >= sizes.end) {
      ended = text.size();
      const Result<void> said = co_await stream.end("bye\r\n");
      check(said.has_value());
      check(inflated_at_once(written) == "bye\r\n");
    }
    const Result<void> waited = co_await stream.wait_readable();
    if (!waited) break;
    const Result<size_t> got = co_await stream.read_some(piece);
    if (!got || *got == 0) break;
    check(*got <= piece.size());
    text.append(piece, 0, *got);
    check(text.size() <= (input.size() + 1) * kMostOfOne);
  }
  const size_t compressed = ended.value_or(text.size());
  check(inflated_at_once(input).starts_with(text.substr(0, compressed)));
  // What is plain are the last of the octets as they came.
  check(input.ends_with(text.substr(compressed)));
  done = true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3 || size > 8'000) return 0;
  const Sizes sizes{data[0] % 8 == 0 ? 1'000'000 : size_t{data[0]},
                    data[1] % 8 == 0 ? 8'000 : size_t{data[1]},
                    data[2] < 128 ? SIZE_MAX : data[2] - size_t{128}};
  fuzz::RunQueue queue;
  bool done = false;
  spawn(whole(std::string(reinterpret_cast<const char*>(data) + 3, size - 3), sizes, done));
  queue.run();
  check(done);
  return 0;
}
