#include "access/imap/known_order.h"

namespace posthouse::access::imap {

size_t KnownOrder::octets() const {
  return sizeof(KnownOrder) + places.size() * sizeof(Place) + keys.size() +
         uids.runs().size() * sizeof(store::UidList::Run);
}

}  // namespace posthouse::access::imap
