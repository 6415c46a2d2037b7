// Unix signals as events of a loop.
#pragma once

#include <functional>

namespace posthouse::net {

class Loop;

// From now on `fn(signal)` is called on `loop` for each `signal` the process gets. Any thread.
void watch_signal(Loop& loop, int signal, std::function<void(int)> fn);

// `loop` gets no more of them; they then do what they do by default. Called by its destructor.
void forget_signals(const Loop& loop);

}  // namespace posthouse::net
