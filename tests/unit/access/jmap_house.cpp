#include "unit/access/jmap_house.h"

#include "engine/memory_engine.h"

namespace posthouse::access::jmap {

JmapHouse::JmapHouse()
    : engine_(engine::make_memory_engine()),
      derived_(engine::make_memory_engine()),
      store_(*engine_, clock_, random_),
      catalog_(*derived_, store_, random_),
      sheets_(catalog_, store_, 1 << 20),
      ids_(clock_, random_),
      uploads_(*derived_, ids_, clock_),
      services_{*engine_, store_, catalog_, sheets_, ids_, clock_, accounts_, &uploads_} {
  must(store_.create_account(kAlice));
  must(store_.create_account(kBob));
}

json::array JmapHouse::calls(const std::string& text) {
  std::string request =
      R"({"using":["urn:ietf:params:jmap:core","urn:ietf:params:jmap:mail"],"methodCalls":)" + text + "}";
  for (size_t at; (at = request.find("$A")) != std::string::npos;)
    request.replace(at, 2, format_account_id(caller_.account));
  const net::HttpReply reply = executor_.run(run_request(services_, caller_, std::move(request)));
  EXPECT_EQ(reply.status, 200) << reply.body;
  json::parse_options deep;
  deep.max_depth = 1000;
  return json::parse(reply.body, {}, deep).at("methodResponses").as_array();
}

json::object JmapHouse::call(const std::string& name, const std::string& arguments) {
  const json::array responses = calls("[[\"" + name + "\"," + arguments + ",\"c\"]]");
  return responses.at(0).at(1).as_object();
}

json::object JmapHouse::call(const std::string& name, const json::object& arguments) {
  json::object all = arguments;
  if (!all.contains("accountId")) all["accountId"] = "$A";
  return call(name, json::serialize(all));
}

std::string JmapHouse::deliver(const std::string& mailbox, const std::string& text, uint8_t flags,
                               std::vector<std::string> keywords) {
  clock_.advance(std::chrono::seconds(1));
  const store::Placed placed = test::deliver(executor_, *engine_, ids_, store_, kAlice, mailbox, text,
                                             {flags, std::move(keywords)}, clock_.now());
  const auto entries = must(store_.entries(kAlice, placed.mailbox, {placed.uid}, false));
  return format_email_id(entries.at(0).email);
}

std::string JmapHouse::letter(const std::string& mailbox, const std::string& id,
                              const std::string& references, uint8_t flags) {
  std::string text = "From: Ann <ann@far.test>\r\nTo: alice@example.test\r\nSubject: hello\r\nMessage-ID: <" +
                     id + "@x>\r\n";
  if (!references.empty()) text += "References: <" + references + "@x>\r\n";
  return deliver(mailbox, text + "\r\nThis is " + id + ".\r\n", flags);
}

store::MailboxId JmapHouse::mailbox(const std::string& name) {
  return must(store_.mailbox(kAlice, name)).id;
}

std::vector<std::string> JmapHouse::mailbox_names() {
  std::vector<std::string> names;
  for (const store::MailboxInfo& one : must(store_.mailboxes(kAlice))) names.push_back(one.name);
  return names;
}

}  // namespace posthouse::access::jmap
