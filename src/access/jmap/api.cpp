#include "access/jmap/api.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "access/jmap/email_order.h"
#include "access/jmap/limits.h"
#include "base/log.h"
#include "store/limits.h"
#include "wire/jmap/limits.h"

namespace posthouse::access::jmap {
namespace {

using wire::jmap::Invocation;
using wire::jmap::Problem;
using wire::jmap::Request;

Invocation error_response(CallError error, std::string id) {
  Invocation response{"error", {}, std::move(id)};
  response.arguments["type"] = std::move(error.type);
  if (!error.description.empty()) response.arguments["description"] = std::move(error.description);
  return response;
}

// The requests of one client, while they are worked on.
struct Work {
  const Services& services;
  const Caller& caller;
  Request request;
  json::object created_ids{};
  std::vector<Invocation> responses{};
  wire::jmap::Copied copied{};
};

Task<Outcome> run_method(const Method& method, Call& call) {
  try {
    co_return co_await method.run(call);
  } catch (const std::exception& e) {
    log::error("jmap.method_failed", {{"method", method.name}, {"what", e.what()}});
    co_return std::unexpected(CallError{"serverFail", "this call was not carried out"});
  }
}

const Method* method_of(const Request& request, const std::string& name) {
  const Method* method = find_method(name);
  const bool wanted = method != nullptr && std::ranges::find(request.capabilities, method->capability) !=
                                               request.capabilities.end();
  return wanted ? method : nullptr;
}

Task<void> run_call(Work& work, Invocation asked) {
  const Method* method = method_of(work.request, asked.name);
  if (method == nullptr) {
    work.responses.push_back(error_response({"unknownMethod", ""}, std::move(asked.id)));
    co_return;
  }
  auto resolved = wire::jmap::resolve_references(asked.arguments, work.responses, work.copied);
  if (!resolved) {
    work.responses.push_back(error_response(std::move(resolved.error()), std::move(asked.id)));
    co_return;
  }
  Call call{work.services, work.caller, std::move(asked.arguments), work.created_ids};
  Outcome outcome = co_await run_method(*method, call);
  if (outcome) {
    work.responses.push_back({std::move(asked.name), std::move(*outcome), asked.id});
  } else {
    work.responses.push_back(error_response(std::move(outcome.error()), asked.id));
  }
  for (Invocation& more : call.also) {
    more.id = asked.id;
    work.responses.push_back(std::move(more));
  }
}

net::HttpReply json_reply(const json::object& object) {
  net::HttpReply reply;
  reply.content_type = "application/json";
  reply.body = json::serialize(object);
  reply.fields.add("Cache-Control", "no-cache, no-store, must-revalidate");
  return reply;
}

net::HttpReply response_reply(Work& work, bool with_created_ids) {
  json::object out;
  json::array& list = out["methodResponses"].emplace_array();
  for (Invocation& response : work.responses) {
    json::array one;
    one.emplace_back(std::move(response.name));
    one.emplace_back(std::move(response.arguments));
    one.emplace_back(std::move(response.id));
    list.emplace_back(std::move(one));
  }
  if (with_created_ids) out["createdIds"] = std::move(work.created_ids);
  out["sessionState"] = session_state(work.caller);
  return json_reply(out);
}

}  // namespace

net::HttpReply problem_reply(const Problem& problem) {
  net::HttpReply reply;
  reply.status = problem.status;
  reply.content_type = "application/problem+json";  // RFC 7807
  reply.body = wire::jmap::to_json(problem);
  return reply;
}

Task<net::HttpReply> run_request(const Services& services, const Caller& caller, std::string text) {
  auto request = wire::jmap::parse_request(text);
  std::string().swap(text);
  if (!request) co_return problem_reply(request.error());
  for (const std::string& name : request->capabilities) {
    if (!is_capability(name)) {
      co_return problem_reply({"unknownCapability", 400, fmt::format("\"{}\" is not supported here", name)});
    }
  }
  Work work{services, caller, std::move(*request)};
  const bool with_created_ids = work.request.created_ids.has_value();
  if (with_created_ids) work.created_ids = std::move(*work.request.created_ids);
  std::vector<Invocation> calls = std::move(work.request.calls);
  for (Invocation& call : calls) co_await run_call(work, std::move(call));
  co_return response_reply(work, with_created_ids);
}

std::string session_state(const Caller& caller) {
  // Nothing in it changes but the address.
  return fmt::format("{:x}", std::hash<std::string>()(caller.address) & 0xffffffff);
}

// RFC 8621 section 1.3.1.
json::object mail_capability() {
  json::object mail;
  mail["maxMailboxesPerEmail"] = nullptr;
  mail["maxMailboxDepth"] = store::kMaxLevels;
  mail["maxSizeMailboxName"] = store::kMaxNameBytes;
  mail["maxSizeAttachmentsPerEmail"] = kMaxSizeUpload;
  json::array& sorts = mail["emailQuerySortOptions"].emplace_array();
  for (const std::string_view name : sort_properties()) sorts.emplace_back(name);
  mail["mayCreateTopLevelMailbox"] = true;
  return mail;
}

net::HttpReply session_reply(const Caller& caller, const std::string& base_url) {
  json::object core;
  core["maxSizeUpload"] = kMaxSizeUpload;
  core["maxConcurrentUpload"] = kMaxConcurrentUpload;
  core["maxSizeRequest"] = wire::jmap::kMaxSizeRequest;
  core["maxConcurrentRequests"] = kMaxConcurrentRequests;
  core["maxCallsInRequest"] = wire::jmap::kMaxCallsInRequest;
  core["maxObjectsInGet"] = kMaxObjectsInGet;
  core["maxObjectsInSet"] = kMaxObjectsInSet;
  core["collationAlgorithms"] = json::array{"i;unicode-casemap", "i;ascii-casemap"};
  json::object account;
  account["name"] = caller.address;
  account["isPersonal"] = true;
  account["isReadOnly"] = false;
  account["accountCapabilities"].emplace_object()[kMail] = mail_capability();
  json::object out;
  json::object& capabilities = out["capabilities"].emplace_object();
  capabilities[kCore] = std::move(core);
  capabilities[kMail] = json::object{};
  out["accounts"].emplace_object()[account_id(caller.account)] = std::move(account);
  out["primaryAccounts"] = json::object{{kMail, account_id(caller.account)}};
  out["username"] = caller.address;
  out["apiUrl"] = base_url + "/jmap/api";
  out["downloadUrl"] = base_url + "/jmap/download/{accountId}/{blobId}/{name}?type={type}";
  out["uploadUrl"] = base_url + "/jmap/upload/{accountId}";
  out["eventSourceUrl"] = base_url + "/jmap/events?types={types}&closeafter={closeafter}&ping={ping}";
  out["state"] = session_state(caller);
  return json_reply(out);
}

}  // namespace posthouse::access::jmap
