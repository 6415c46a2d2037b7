#include "smtp/server_output.h"

#include "smtp/limits.h"
#include "wire/smtp/reply.h"

namespace posthouse::smtp {
namespace {

std::string_view default_status(int code) {
  switch (code / 100) {
    case 2:
      return "2.0.0";
    case 4:
      return "4.0.0";
    case 5:
      return "5.0.0";
    default:
      return "";
  }
}

}  // namespace

void ServerOutput::add(const Reply& reply) {
  const std::string_view status = reply.status.empty() ? default_status(reply.code) : reply.status;
  wire::smtp::format_reply(pending_, reply.code, status, reply.text);
}

void ServerOutput::add_plain(int code, std::string_view text) {
  wire::smtp::format_reply(pending_, code, "", text);
}

bool ServerOutput::full() const {
  return pending_.size() >= kMaxBatchedReplies;
}

Task<Result<void>> ServerOutput::flush() {
  if (pending_.empty()) co_return Result<void>();
  const std::string bytes = std::exchange(pending_, std::string());
  Task<Result<void>> write = stream_.write_all(bytes);
  co_return co_await write;
}

}  // namespace posthouse::smtp
