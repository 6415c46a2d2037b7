// A JMAP server without HTTP in front of it: what requests say of an account, and letters in it.
#pragma once

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "access/jmap/api.h"
#include "support/seeded_random.h"
#include "unit/access/house_parts.h"

namespace posthouse::access::jmap {

inline std::string text(const json::value& value) {
  return std::string(value.as_string());
}

class JmapHouse : public testing::Test {
 protected:
  JmapHouse();

  // The responses to these calls of alice's, each a name, its arguments and an id. "$A" stands for her
  // account.
  json::array calls(const std::string& text);
  // The arguments of the response to one call; an error has its "type".
  json::object call(const std::string& name, const std::string& arguments);
  json::object call(const std::string& name, const json::object& arguments);

  // A letter as delivery would place it; gives its id. Each is received a second behind the one before.
  std::string deliver(const std::string& mailbox, const std::string& text, uint8_t flags = 0,
                      std::vector<std::string> keywords = {});
  // Subject and message ids only.
  std::string letter(const std::string& mailbox, const std::string& id, const std::string& references = "",
                     uint8_t flags = 0);
  store::MailboxId mailbox(const std::string& name);
  std::string mailbox_id(const std::string& name) { return format_mailbox_id(mailbox(name)); }
  std::vector<std::string> mailbox_names();
  template <class T>
  T must(Task<Result<T>> task) {
    Result<T> done = executor_.run(std::move(task));
    if (!done) throw std::runtime_error(done.error().what);
    if constexpr (!std::is_void_v<T>) return std::move(*done);
  }

  static constexpr store::AccountId kAlice = 1, kBob = 2;
  posthouse::test::FakeClock clock_;
  posthouse::test::SeededRandom random_;
  posthouse::test::ManualExecutor executor_;
  std::unique_ptr<engine::Engine> engine_, derived_;
  store::MailStore store_;
  catalog::Catalog catalog_;
  catalog::Sheets sheets_;
  IdSource ids_;
  test::Accounts accounts_;
  uploads::Uploads uploads_;
  Services services_;
  Caller caller_{kAlice, "alice@example.test"};
};

}  // namespace posthouse::access::jmap
