// What the client's steps share: the connection, commands out, replies in.
#pragma once

#include <memory>
#include <string>

#include "net/buffered_reader.h"
#include "net/stream.h"
#include "smtp/client.h"
#include "wire/smtp/reply.h"

namespace posthouse::smtp {

// A reply that stands for "no answer was had": code 0, and why.
Reply no_answer(std::string why);

// `reply` if it is a refusal (or no answer), else no_answer(): a 2xx or 3xx where it makes no sense.
Reply as_refusal(Reply reply);

// On the stream's loop. After the first failure nothing more is sent or read.
class ClientConnection {
 public:
  ClientConnection(std::unique_ptr<net::Stream> stream, const Clock& clock);

  // Sends whole lines (or a piece of a letter). False: the connection is lost, and failure() says why.
  Task<bool> send(std::string_view bytes, seconds patience);
  // The next reply; code 0 if none comes in time, or what comes is none. After a 421 the connection is done
  // for.
  Task<Reply> reply(seconds patience);
  // The two together.
  Task<Reply> command(std::string line, seconds patience);

  // Bytes that the server sent without being asked: it does not follow the dialogue, or somebody else speaks.
  bool has_unread() const { return reader_.buffered() != 0; }
  bool usable() const { return usable_; }
  void give_up(std::string why);
  Reply failure() const { return no_answer(why_); }
  net::Stream& stream() { return *stream_; }

 private:
  void set_deadline(seconds patience);

  std::unique_ptr<net::Stream> stream_;
  const Clock& clock_;
  net::BufferedReader reader_;
  bool usable_ = true;
  std::string why_ = "connection not usable";
};

}  // namespace posthouse::smtp
