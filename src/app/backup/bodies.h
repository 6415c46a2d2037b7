// Whether a backup has the bodies of its letters.
#pragma once

#include "app/backup/opened.h"

namespace posthouse::app::backup {

// Names of the folders in which the store keeps what was damaged.
std::vector<std::string> damage_of(const std::string& store_directory);

// Fills in bodies_to, lost and lost_more of `catalog`, whose backup is `opened`. What the latest backup
// before it looked at is not looked at again as long as nothing speaks of damage since: the pool has those
// files as they were then, and whoever writes values to other files reads them with their checksums. What
// can't be told is a warning, and bodies_to stays 0. Letters of accounts kept in files: see file_letters.h.
void look_at_bodies(Opened& opened, const Catalog* latest, Catalog& catalog, Rate& rate,
                    const Progress& progress, std::vector<std::string>& warnings);

}  // namespace posthouse::app::backup
