#include "app/control/protocol.h"

#include <boost/json.hpp>

namespace posthouse::app::control {
namespace {

// Appends `n` bytes of input to `out`.
Task<Result<void>> read_exactly(net::BufferedReader& reader, size_t n, std::string& out) {
  while (n > 0) {
    auto bytes = co_await reader.read_available(n);
    if (!bytes) co_return std::unexpected(bytes.error());
    if (bytes->empty()) co_return fail(FaultKind::closed, "the other side closed the connection");
    out.append(*bytes);
    n -= bytes->size();
    reader.consume(bytes->size());
  }
  co_return Result<void>();
}

}  // namespace

Task<Result<std::string>> read_frame(net::BufferedReader& reader, size_t limit) {
  std::string head;
  auto got = co_await read_exactly(reader, 4, head);
  if (!got) co_return std::unexpected(got.error());
  size_t length = 0;
  for (char c : head) length = length << 8 | static_cast<unsigned char>(c);
  if (length > limit)
    co_return fail(FaultKind::syntax, fmt::format("a frame of {} bytes, at most {}", length, limit));
  std::string payload;  // grows with what comes, not with what is announced
  got = co_await read_exactly(reader, length, payload);
  if (!got) co_return std::unexpected(got.error());
  co_return payload;
}

Task<Result<void>> write_frame(net::Stream& stream, std::string payload) {
  auto n = static_cast<uint32_t>(payload.size());
  std::string head{static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8),
                   static_cast<char>(n)};
  payload.insert(0, head);
  co_return co_await stream.write_all(payload);
}

std::string ok_response(const boost::json::value& value) {
  boost::json::object out;
  out["ok"] = value;
  return boost::json::serialize(out);
}

std::string error_response(const Fault& fault) {
  boost::json::object error;
  error["kind"] = to_string(fault.kind);
  error["what"] = fault.what;
  boost::json::object out;
  out["error"] = std::move(error);
  return boost::json::serialize(out);
}

std::string progress_response(uint64_t done, uint64_t total) {
  boost::json::object out;
  out["progress"] = boost::json::array({done, total});
  return boost::json::serialize(out);
}

}  // namespace posthouse::app::control
