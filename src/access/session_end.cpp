#include "access/session_end.h"

#include "base/log.h"

namespace posthouse::access {

Task<Ending> run_to_end(Task<void> session, std::string_view usual, std::string_view broken,
                        std::string_view event, std::string_view id) {
  Ending ending{"", std::string(usual)};
  try {
    co_await std::move(session);
  } catch (const SessionEnd& end) {
    ending = {end.last_words, end.why.what};
  } catch (const std::exception& error) {
    log::error(event, {{"sid", id}, {"what", error.what()}});
    ending = {std::string(broken), "exception"};
  }
  co_return ending;
}

Task<void> run_behind(Task<void> work, std::string_view event, std::string_view id) {
  try {
    co_await std::move(work);
  } catch (const std::exception& error) {
    log::error(event, {{"sid", id}, {"what", error.what()}});
  }
}

}  // namespace posthouse::access
