// How sessions of the access agents end.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/task.h"

namespace posthouse::access {

// Thrown to end a session: with some words, which the protocol puts into its own form, or at once when the
// connection is broken (`last_words` empty).
struct SessionEnd {
  std::string last_words;
  Fault why;
};

struct Ending {
  std::string last_words;  // "": there is nothing to be said
  std::string why;         // for the log
};

// Runs a session until it is over: by itself (`why` is `usual` then), by SessionEnd, or by any other
// exception, which is logged as `event` and told as `broken`.
Task<Ending> run_to_end(Task<void> session, std::string_view usual, std::string_view broken,
                        std::string_view event, std::string_view id);
// Runs what has to be done behind that; exceptions are logged.
Task<void> run_behind(Task<void> work, std::string_view event, std::string_view id);

}  // namespace posthouse::access
