// Which methods there are.
#include <algorithm>
#include <iterator>

#include "access/jmap/arguments.h"
#include "access/jmap/methods.h"

namespace posthouse::access::jmap {
namespace {

// By name.
constexpr Method kMethods[] = {
    {"Core/echo", kCore, core_echo},
    {"Email/changes", kMail, email_changes},
    {"Email/get", kMail, email_get},
    {"Email/import", kMail, email_import},
    {"Email/parse", kMail, email_parse},
    {"Email/query", kMail, email_query},
    {"Email/queryChanges", kMail, email_query_changes},
    {"Email/set", kMail, email_set},
    {"Mailbox/changes", kMail, mailbox_changes},
    {"Mailbox/get", kMail, mailbox_get},
    {"Mailbox/query", kMail, mailbox_query},
    {"Mailbox/queryChanges", kMail, mailbox_query_changes},
    {"Mailbox/set", kMail, mailbox_set},
    {"SearchSnippet/get", kMail, search_snippet_get},
    {"Thread/changes", kMail, thread_changes},
    {"Thread/get", kMail, thread_get},
};

}  // namespace

const Method* find_method(std::string_view name) {
  const Method* found = std::ranges::lower_bound(kMethods, name, {}, &Method::name);
  return found != std::end(kMethods) && found->name == name ? found : nullptr;
}

std::vector<std::string_view> method_names() {
  std::vector<std::string_view> out;
  for (const Method& method : kMethods) out.push_back(method.name);
  return out;
}

bool is_capability(std::string_view name) {
  return std::ranges::any_of(kMethods, [&](const Method& method) { return method.capability == name; });
}

std::optional<CallError> wrong_account(Arguments& arguments, const Call& call) {
  const std::string named = arguments.required_string("accountId");
  if (named.empty() || named == account_id(call.caller.account)) return std::nullopt;
  return CallError{"accountNotFound", ""};
}

// RFC 8620 section 4.
Task<Outcome> core_echo(Call& call) {
  co_return std::move(call.arguments);
}

}  // namespace posthouse::access::jmap
