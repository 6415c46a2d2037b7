// Standard output that may fail: a full disk, a reader that has gone. The reason is known only at the moment
// of the failure.
#pragma once

namespace posthouse::app {

// Writes out what was printed so far. False: it could not be written, now or before.
bool flush_output();

// Notes why printing failed, when what failed tells itself: an errno value. The first reason stays.
void note_output_error(int error);

// Why output failed; 0: it did not, or nobody knows.
int output_error();

}  // namespace posthouse::app
