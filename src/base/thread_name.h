// Names that ps -L, top -H and perf show.
#pragma once

namespace posthouse {

// Names the calling thread; the kernel keeps 15 bytes. A thread names itself, because a confined process may
// not write to /proc, which naming another one does.
void name_this_thread(const char* name);

}  // namespace posthouse
