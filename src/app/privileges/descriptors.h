// Open files of this process: how many it may have, and the first three.
#pragma once

namespace posthouse::app {

// Raises the soft limit of open files to the hard one, which is what an administrator means to allow: the
// soft one is 1,024 on most systems for the sake of select(2), which is not used here. Never fails; what the
// limit is then, counts.
void raise_descriptor_limit();

// Takes descriptors 0 to 2 where the caller has closed them, so that no socket gets such a number and what is
// meant for a terminal ends up in a letter. Standard input and output then fail when they are used, as they
// would without this; what goes to standard error is lost. Before anything else is opened.
void fill_standard_descriptors();

}  // namespace posthouse::app
