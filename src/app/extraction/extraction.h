// The text of attached documents, by programs of this system in a sandbox.
#pragma once

#include <memory>

#include "app/config/config.h"
#include "app/extraction/programs.h"
#include "search/text_extractor.h"

namespace posthouse::app {

// Starts the process that starts the programs; it ends with this one. Null where search.extractors names none
// that there is, or they can't be confined (which is logged). Before this process confines itself and while
// it has one thread.
//
// A document waits for its program in a file without a name in the folder of the index, which has to be there
// then.
std::shared_ptr<search::TextExtractor> start_extraction(const Config& config,
                                                        const ExtractionLimits& limits = {});

}  // namespace posthouse::app
