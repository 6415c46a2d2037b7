// A request of JMAP, from its octets to those of the response (RFC 8620 section 3).
#pragma once

#include <string>

#include "access/jmap/call.h"
#include "net/http_message.h"

namespace posthouse::access::jmap {

// Calls run one after another. Never fails: what is wrong with the request as a whole is a reply, too.
Task<net::HttpReply> run_request(const Services& services, const Caller& caller, std::string text);

// The Session object, and the name of its present state.
net::HttpReply session_reply(const Caller& caller, const std::string& base_url);
std::string session_state(const Caller& caller);

net::HttpReply problem_reply(const wire::jmap::Problem& problem);

}  // namespace posthouse::access::jmap
