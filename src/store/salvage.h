// Everything of an account that can still be read, for being copied out of a damaged store.
#pragma once

#include <functional>
#include <string>

#include "engine/blob.h"
#include "store/types.h"

namespace posthouse::store {

struct SalvagedLetter {
  std::string mailbox;  // its name, or "Recovered" and a number when that is lost
  Uid uid = 0;
  FlagSet flags;
  SystemTime internal_date{};
  uint64_t size = 0;
  engine::BlobId blob = 0;  // 0: the bytes are in a file of the account's
};

using LetterVisitor = std::function<Result<void>(const SalvagedLetter& letter)>;

// Letters of which any row is there, mailbox by mailbox. `reader`: best one that passes over what can't be
// read.
Result<void> salvage_letters(const engine::Reader& reader, AccountId account, const LetterVisitor& visit);

// The annotations that can be read (store/annotations.h). `mailbox`: its name; "": of the account itself.
using AnnotationTaker =
    std::function<Result<void>(const std::string& mailbox, std::string_view name, std::string_view value)>;
Result<void> salvage_annotations(const engine::Reader& reader, AccountId account,
                                 const AnnotationTaker& take);

}  // namespace posthouse::store
