// The UIDs of one mailbox that index and files are to agree on, where they say different ones.
//
// A UID that the files bear under our UIDVALIDITY was given by another program, which has told it: it is
// taken over if we have never given it ourselves. Else nobody can keep it, and the message gets one above all
// that anybody gave. In the files UIDs rise, so all behind such a message get new ones too; Dovecot does the
// same.
#pragma once

#include <vector>

#include "store/types.h"

namespace posthouse::mirror {

// A message in the order of the files.
struct NamedMessage {
  store::Uid index = 0;    // 0: the index doesn't have it
  store::Uid file = 0;     // 0: none, or none to be believed
  bool confirmed = false;  // the files had the index's UID for it once
};

struct UidBounds {
  store::Uid index_next = 1;  // the index has given all below
  store::Uid file_last = 0;   // the files say that all up to this one were given
};

// Of each message the UID that it is to have; 0 where the index doesn't have it.
std::vector<store::Uid> plan_uids(const std::vector<NamedMessage>& messages, const UidBounds& bounds);

}  // namespace posthouse::mirror
