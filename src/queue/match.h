// Which letters and recipients an operator's filter means. Pure.
#pragma once

#include "queue/queue.h"

namespace posthouse::queue {

bool matches(const Filter& filter, const Letter& letter, const Recipient& recipient);
// Some recipient matches.
bool matches(const Filter& filter, const Letter& letter);

}  // namespace posthouse::queue
