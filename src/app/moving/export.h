// The letters of one account out to files, while it is in use.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "app/moving/import.h"
#include "app/moving/target.h"

namespace posthouse::app::moving {

struct ExportOptions {
  std::string address;
  std::string mailbox;  // "": all
  Progress progress;
};

// Called once it is known that there is something to export.
using OpenTarget = std::function<Result<std::unique_ptr<Target>>()>;

// What the target has already is passed over. Letters that can't be read, and mailboxes that the format can't
// hold, are told in `skipped`.
Result<MoveOutcome> export_letters(control::Admin& admin, const OpenTarget& open,
                                   const ExportOptions& options);

}  // namespace posthouse::app::moving
