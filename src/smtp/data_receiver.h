// Receives the text of one letter: from the connection through the decoder into the sink.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "net/buffered_reader.h"
#include "net/stream.h"
#include "smtp/server.h"
#include "wire/smtp/data_decoder.h"

namespace posthouse::smtp {

// One per letter. Whatever happens, it reads on to the end mark, within a budget, so that what follows is
// never taken for commands. Holds at most one piece of the letter.
class DataReceiver {
 public:
  DataReceiver(net::Stream& stream, net::BufferedReader& reader, const ServerOptions& options,
               std::unique_ptr<LetterSink> sink);

  // Done when the end mark was read. Fails when the session can't go on (closed, timeout, io, or syntax: the
  // discard budget is spent); refusal() may still tell what the client should hear before.
  Task<Result<void>> receive();

  // Why the letter is refused, nothing if it may be committed.
  std::optional<Reply> refusal() const;
  // Whether the connection is to be closed after the refusal: a client that sends bare CR or LF does not
  // agree with us on where letters end.
  bool distrusts() const;

  LetterSink& sink() { return *sink_; }  // only without a refusal
  uint64_t size() const { return decoder_.size(); }

 private:
  void set_deadline();
  Task<void> take(std::string_view input);
  Task<void> write(std::string_view body);
  bool discards() const { return sink_ == nullptr; }

  net::Stream& stream_;
  net::BufferedReader& reader_;
  const ServerOptions& options_;
  std::unique_ptr<LetterSink> sink_;  // none once the letter is refused
  wire::smtp::DataDecoder decoder_;
  std::optional<Reply> refusal_;
  std::string joined_;  // pieces of one read with dots taken out
  SteadyTime begun_;
  uint64_t received_ = 0;
  bool ended_ = false;
};

}  // namespace posthouse::smtp
