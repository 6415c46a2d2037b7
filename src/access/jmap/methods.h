// All methods; the table of them is in methods.cpp.
#pragma once

#include "access/jmap/call.h"

namespace posthouse::access::jmap {

Task<Outcome> core_echo(Call& call);

Task<Outcome> mailbox_get(Call& call);
Task<Outcome> mailbox_changes(Call& call);
Task<Outcome> mailbox_query(Call& call);
Task<Outcome> mailbox_query_changes(Call& call);
Task<Outcome> mailbox_set(Call& call);

Task<Outcome> thread_get(Call& call);
Task<Outcome> thread_changes(Call& call);

Task<Outcome> email_changes(Call& call);
Task<Outcome> email_get(Call& call);
Task<Outcome> email_parse(Call& call);
Task<Outcome> email_query(Call& call);
Task<Outcome> email_query_changes(Call& call);
Task<Outcome> email_set(Call& call);
Task<Outcome> email_import(Call& call);

Task<Outcome> search_snippet_get(Call& call);

}  // namespace posthouse::access::jmap
