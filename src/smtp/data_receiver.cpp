#include "smtp/data_receiver.h"

#include <algorithm>

#include "smtp/fault_reply.h"
#include "smtp/limits.h"

namespace posthouse::smtp {

using wire::smtp::DataDecoder;

DataReceiver::DataReceiver(net::Stream& stream, net::BufferedReader& reader, const ServerOptions& options,
                           std::unique_ptr<LetterSink> sink)
    : stream_(stream),
      reader_(reader),
      options_(options),
      sink_(std::move(sink)),
      begun_(options.clock->steady()) {}

// A pause may last as long as one before a command; the whole may last data_timeout and, so that nobody drips
// a letter for ever, a second more for each kMinDataRate octets.
void DataReceiver::set_deadline() {
  const SteadyTime now = options_.clock->steady();
  const seconds pause =
      distrusts() ? std::min(kDefectPatience, options_.command_timeout) : options_.command_timeout;
  const seconds whole = options_.data_timeout + seconds(received_ / kMinDataRate);
  stream_.set_deadline(std::min(now + pause, begun_ + whole));
}

Task<Result<void>> DataReceiver::receive() {
  while (!ended_) {
    if (discards() && received_ > options_.max_size + std::max(options_.max_size, kMinDiscard)) {
      co_return fail(FaultKind::syntax, "far too much data");
    }
    set_deadline();
    const Result<std::string_view> input = co_await reader_.read_available(kDataPiece);
    if (!input) co_return std::unexpected(input.error());
    if (input->empty()) co_return fail(FaultKind::closed, "connection closed inside DATA");
    co_await take(*input);
  }
  co_return Result<void>();
}

// Decodes one read. What comes out in one span, as nearly everything does, goes on without a copy; only dots
// at the start of lines cut it, and then the parts are put together so that the sink is called once.
Task<void> DataReceiver::take(std::string_view input) {
  std::string_view body;
  joined_.clear();
  size_t used = 0;
  while (used < input.size() && !ended_) {
    const DataDecoder::Piece piece = decoder_.next(input.substr(used));
    used += piece.consumed;
    ended_ = piece.end;
    if (piece.body.empty() || discards()) continue;
    if (body.empty()) {
      body = piece.body;
      continue;
    }
    if (joined_.empty()) joined_.assign(body);
    joined_ += piece.body;
    body = joined_;
  }
  received_ += used;
  co_await write(body);
  reader_.consume(used);
}

Task<void> DataReceiver::write(std::string_view body) {
  if (decoder_.defect() != DataDecoder::Defect::none) sink_.reset();
  if (discards()) co_return;
  if (decoder_.size() > options_.max_size) {
    refusal_ =
        Reply{552, "5.3.4", "Error: message larger than " + std::to_string(options_.max_size) + " octets"};
    sink_.reset();
    co_return;
  }
  if (body.empty()) co_return;
  const Result<void> written = co_await sink_->write(body);
  if (written) co_return;
  refusal_ = reply_for(written.error());
  sink_.reset();
}

std::optional<Reply> DataReceiver::refusal() const {
  switch (decoder_.defect()) {
    case DataDecoder::Defect::none:
      break;
    case DataDecoder::Defect::bare_cr:
      return Reply{554, "5.6.0", "Error: bare CR in message data, lines end with CRLF"};
    case DataDecoder::Defect::bare_lf:
      return Reply{554, "5.6.0", "Error: bare LF in message data, lines end with CRLF"};
    case DataDecoder::Defect::line_too_long:
      if (refusal_) break;
      return Reply{554, "5.6.0", "Error: line too long in message data"};
  }
  return refusal_;
}

bool DataReceiver::distrusts() const {
  return decoder_.defect() == DataDecoder::Defect::bare_cr ||
         decoder_.defect() == DataDecoder::Defect::bare_lf;
}

}  // namespace posthouse::smtp
