// The text after DATA: in one piece and in many the same, and nothing but CRLF.CRLF ends it. And back: what
// the client side makes of any bytes is exactly one letter.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "wire/smtp/data_decoder.h"
#include "wire/smtp/dot_stuffer.h"

namespace {

using posthouse::wire::smtp::DataDecoder;
using posthouse::wire::smtp::DotStuffer;

struct Outcome {
  std::string body;
  DataDecoder::Defect defect = DataDecoder::Defect::none;
  bool end = false;
  size_t consumed = 0;
  bool operator==(const Outcome&) const = default;
};

Outcome decode(std::string_view input, size_t chunk) {
  Outcome out;
  DataDecoder decoder;
  while (out.consumed < input.size() && !out.end) {
    const DataDecoder::Piece piece = decoder.next(input.substr(out.consumed, chunk));
    if (piece.consumed == 0 || piece.consumed > chunk) abort();
    out.consumed += piece.consumed;
    out.body += piece.body;
    out.end = piece.end;
  }
  out.defect = decoder.defect();
  if (out.defect != DataDecoder::Defect::none) out.body.clear();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const size_t chunk = data[0] % 16u + 1u;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = decode(input, input.size() + 1);
  Outcome parts = decode(input, chunk);
  // A CR at the very end may or may not be text; it is held back in both.
  if (parts != whole) abort();
  const std::string framed = "\r\n" + std::string(input);
  const size_t end = framed.find("\r\n.\r\n");
  if (whole.end != (end != std::string::npos)) abort();
  if (whole.end && whole.consumed != end + 3) abort();

  std::string wire;
  DotStuffer stuffer;
  for (size_t at = 0; at < input.size(); at += chunk) stuffer.add(input.substr(at, chunk), wire);
  stuffer.finish(wire);
  const Outcome sent = decode(wire, wire.size());
  if (!sent.end || sent.consumed != wire.size() || sent.defect != DataDecoder::Defect::none) abort();
  return 0;
}
