// Makes messages of what clients say that is in them (RFC 8621 section 4.6).
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "access/jmap/blob_id.h"
#include "access/jmap/standard_set.h"
#include "base/clock.h"
#include "base/random.h"

namespace posthouse::access::jmap {

// A message to be written: octets, and blobs between them, in base64 or as they are.
struct MessagePiece {
  std::string octets{};
  std::optional<BlobId> blob{};
  std::string blob_name{};  // as the client wrote it
  bool base64 = true;
};

// What a message gets that the client has not said.
struct ComposeDefaults {
  SystemTime now{};
  std::string domain;  // of a Message-ID
  Random& random;
};

// `email`: all of the object but what is the store's (mailboxIds, keywords, receivedAt), which is left alone.
// A SetError for what it may not say.
std::expected<std::vector<MessagePiece>, json::object> compose(const json::object& email,
                                                               const ComposeDefaults& defaults);

}  // namespace posthouse::access::jmap
