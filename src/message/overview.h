// What lists and threads want of a message beside its envelope and structure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "message/thread.h"

namespace posthouse::message {

struct Overview {
  std::string preview;                  // limits::kPreview characters of UTF-8 at most (RFC 8970)
  BaseSubject subject;                  // RFC 5256 section 2.1
  std::string message_id;               // normalised (RFC 5256 section 3), "" if none can be read
  std::vector<std::string> references;  // as written, quotes kept; limits::kKeptReferences at most
  bool has_attachment = false;          // RFC 8621 section 4.1.4
  bool operator==(const Overview&) const = default;

  // RFC 5256 section 3, REFERENCES. `in_reply_to`: as the envelope has it.
  ThreadBase thread_base(std::string_view in_reply_to) const;
};

// Straight from a summary record; nothing from records of version 1 (they had none) and damaged ones.
std::optional<Overview> read_overview(std::string_view record);

}  // namespace posthouse::message
