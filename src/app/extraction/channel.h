// What the server and the process that starts extractors say to each other: packets on a socket pair.
#pragma once

#include <cstdint>

namespace posthouse::app {

// From the server. With a request come two descriptors: the document, and where the text goes.
struct ExtractionRequest {
  static constexpr uint32_t kCancel = UINT32_MAX;  // as a program: of the request with this number
  uint32_t number = 0;
  uint32_t program = 0;  // its place in the list that both have
};

// To the server: once with the number 0 when all is ready, then of every request, when its program is gone.
enum class ExtractionOutcome : uint32_t { done, failed, too_long, not_started };
struct ExtractionReply {
  uint32_t number = 0;
  ExtractionOutcome outcome = ExtractionOutcome::done;
};

}  // namespace posthouse::app
