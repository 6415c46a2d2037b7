// Which letters a damaged part of a backup holds, in words for people.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "app/backup/repository.h"

namespace posthouse::app::backup {

// `damaged`: hashes of files in the pool that are not what they were. A line for each letter that can't be
// had whole from one of `catalogs` because of them, and one for each backup that is damaged so that it can't
// tell.
std::vector<std::string> damaged_letters(const Repository& repository, const std::vector<Catalog>& catalogs,
                                         const std::set<std::string>& damaged);

}  // namespace posthouse::app::backup
