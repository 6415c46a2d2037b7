// Any octets as what a client of HTTP says, in pieces of any size: the server answers or hangs up, reads the
// same request whatever the pieces are, and holds little.
#include "net/http_request_reader.h"

#include "net/http_exchange.h"
#include "session_bed.h"

namespace posthouse::fuzz {
namespace {

constexpr size_t kHeaderLimit = 2048;

// What a reader makes of `input` that comes in pieces of `chunk`: all requests with their content.
std::string read_all(std::string_view input, size_t chunk) {
  std::string seen, in;
  while (true) {
    net::HttpRequestReader reader(kHeaderLimit);
    auto feed = [&] {
      const size_t n = std::min(chunk, input.size());
      in += input.substr(0, n);
      input.remove_prefix(n);
      return n > 0;
    };
    Result<bool> whole = reader.take_header(in);
    while (whole && !*whole && feed()) whole = reader.take_header(in);
    if (!whole || !*whole) return seen + "no more";  // how soon a broken one is refused depends on the pieces
    check(!reader.request().path.empty() && reader.request().fields.all().size() <= 101);
    seen += reader.request().method + " " + reader.request().path + "?" + reader.request().query + "\n";
    char out[7];
    while (!reader.ended()) {
      auto got = reader.take_content(in, out);
      if (!got) return seen + "broken";
      check(*got <= sizeof out);
      seen.append(out, *got);
      if (*got == 0 && !reader.ended() && !feed()) return seen + "unfinished";
    }
  }
}

Task<void> echo(net::HttpExchange& exchange) {
  auto content = co_await exchange.read_all(4096);
  net::HttpReply reply;
  if (content) reply.body = *content;
  auto sent = co_await exchange.reply(std::move(reply));
  static_cast<void>(sent);
}

}  // namespace
}  // namespace posthouse::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace posthouse;
  using namespace posthouse::fuzz;
  if (size == 0) return 0;
  log_nothing();
  const size_t chunk = data[0] % 61 + 1;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  check(read_all(input, chunk) == read_all(input, 1 << 20));
  std::string written;
  RunQueue queue;
  spawn(net::serve_http(std::make_unique<FuzzStream>(input, chunk, written), net::HttpOptions(), echo));
  queue.run();
  check(written.empty() || written.starts_with("HTTP/1.1 "));
  return 0;
}
