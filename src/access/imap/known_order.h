// The order of a mailbox's messages by some criteria, as far as it was asked for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "access/imap/recall.h"
#include "store/types.h"

namespace posthouse::access::imap {

// Also a part of it that is just being read.
struct KnownOrder : Recall::Kept {
  struct Place {
    uint64_t at = 0;  // of its key in `keys`
    uint32_t size = 0;
    store::Uid uid = 0;
  };
  std::vector<Place> places;  // sorted by key and UID, but for parts
  std::string keys;           // access/imap/sort_key.h
  store::UidList uids;        // of the places; not of parts

  std::string_view key(const Place& place) const {
    return std::string_view(keys).substr(place.at, place.size);
  }
  size_t octets() const;
};

}  // namespace posthouse::access::imap
