#pragma once

namespace posthouse::app {

// Raises the soft limit of open files to the hard one, which is what an administrator means to allow: the
// soft one is 1,024 on most systems for the sake of select(2), which is not used here. Never fails; what the
// limit is then, counts.
void raise_descriptor_limit();

}  // namespace posthouse::app
