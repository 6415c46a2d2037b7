// The place of the signature (DKIM, RFC 6376) in the road of a submitted letter.
//
// A signature field stands in front of the header but covers a hash of the body, which comes last, while the
// bytes of a letter go to the store in order. So a letter that wants a signature is held until its end, and
// only then written: what finish() gives, then the groomed header, then the body. The road is
//
//   header read -> groom -> authors checked -> begin(author's domain) -> header() -> body()... -> finish()
//                                                  |
//                                                  null: not signed, the bytes stream on without being held
//
// Held are at most kMaxHeldForSigning octets; a longer letter is let go unsigned, and logged. A signer that
// has to sign longer ones needs a spool: the body goes to a blob of its own, ahead of its transaction,
// finish() is asked at its end, and then header and body are copied to the letter. Only
// submission/submission_sink.cpp would change.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace posthouse::submission {

// One letter's signature in the making. Not thread-safe.
class Signature {
 public:
  virtual ~Signature() = default;
  // Once: the groomed header, with the trace line in front and the empty line at its end.
  virtual void header(std::string_view groomed) = 0;
  // The body in pieces, in order.
  virtual void body(std::string_view piece) = 0;
  // Complete header fields with CRLF, to stand before all others. A fault refuses the letter.
  virtual Result<std::string> finish() = 0;
};

// Thread-safe; must not block: called on the session's loop.
class Signer {
 public:
  virtual ~Signer() = default;
  // `domain`: of the first author, in lower-case A-labels. Null: this letter goes unsigned.
  virtual std::unique_ptr<Signature> begin(std::string_view domain) = 0;
};

}  // namespace posthouse::submission
