// One letter on an open connection of the client.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "smtp/client_connection.h"
#include "wire/smtp/capabilities.h"

namespace posthouse::smtp {

// Used once, on the connection's loop; what it refers to outlives it.
class ClientTransaction {
 public:
  ClientTransaction(ClientConnection& connection, const ClientOptions& options,
                    const wire::smtp::Capabilities& capabilities, Delivery delivery);

  Task<DeliveryResult> run(BodySource body);

 private:
  // ---- what is decided before anything is sent
  bool prepare();
  bool refuse_all(Reply reply);
  std::expected<std::string, Reply> wire_address(const std::string& text) const;

  // ---- the envelope
  Task<bool> send_envelope();
  std::string line(size_t step) const;
  void take_reply(size_t step, Reply reply);
  bool worth_going_on(size_t step) const;

  // ---- the letter
  Task<void> send_letter(BodySource body);
  Task<bool> send_body(BodySource body);
  Task<void> take_verdict();
  Task<void> close_empty();
  Task<void> clean_up();
  void fail_accepted(const Reply& reply);
  void fail_unanswered();

  // A recipient that is put to the server.
  struct Recipient {
    size_t index;         // in delivery_.recipients
    std::string address;  // as it goes on the wire
    bool accepted = false;
  };
  // Steps of the envelope: 0 is MAIL, then one for each recipient, then DATA.
  size_t steps() const { return recipients_.size() + 2; }
  bool is_data(size_t step) const { return step + 1 == steps(); }

  ClientConnection& connection_;
  const ClientOptions& options_;
  const wire::smtp::Capabilities& capabilities_;
  Delivery delivery_;
  std::string sender_;
  std::vector<Recipient> recipients_;
  std::vector<Reply> replies_;  // the result, in the order of delivery_.recipients
  bool needs_utf8_ = false;
  bool mail_accepted_ = false;
  bool data_open_ = false;  // 354 was said
  bool finished_ = false;   // the end mark was answered
  size_t accepted_ = 0;
};

}  // namespace posthouse::smtp
