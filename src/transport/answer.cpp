#include "transport/answer.h"

#include "base/ascii.h"

namespace posthouse::transport {

namespace {

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(byte < 0x20 || byte == 0x7F ? ' ' : c);
  }
  return out;
}

// class "." subject "." detail (RFC 3463 section 2).
bool is_status(std::string_view status) {
  const auto parts = split(status, '.');
  if (parts.size() != 3 || parts[0].size() != 1) return false;
  return std::all_of(parts.begin(), parts.end(), [](std::string_view p) {
    return !p.empty() && p.size() <= 3 && parse_uint(p).has_value();
  });
}

std::string default_status(int code) {
  if (code >= 200 && code < 300) return "2.0.0";
  if (code >= 500 && code < 600) return "5.0.0";
  return code == 0 ? "4.4.2" : "4.0.0";
}

}  // namespace

Answer answer_from(const smtp::Reply& reply, std::string host, bool tls) {
  Answer out;
  out.code = reply.code;
  out.text = one_line(reply.text);
  out.host = std::move(host);
  out.tls = tls;
  // A 3yz, or a number no one knows, where a final answer belongs means nothing: try again.
  if (!out.delivered() && !out.permanent() && !(reply.code >= 400 && reply.code < 500)) out.code = 0;
  out.status = default_status(out.code);
  out.guessed = !is_status(reply.status) || reply.status[0] != out.status[0];
  if (!out.guessed) out.status = reply.status;
  return out;
}

Answer own_answer(int code, std::string status, std::string text) {
  Answer out;
  out.code = code;
  out.guessed = status.empty();
  out.status = out.guessed ? default_status(code) : std::move(status);
  out.text = one_line(text);
  return out;
}

std::string to_line(const Answer& answer) {
  std::string out = answer.code == 0 ? std::string() : std::to_string(answer.code) + " ";
  if (!answer.guessed) out += answer.status + " ";
  out += answer.text;
  return out;
}

}  // namespace posthouse::transport
