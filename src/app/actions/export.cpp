#include "app/moving/export.h"

#include <sysexits.h>

#include "app/actions/actions.h"
#include "app/actions/moving.h"
#include "app/actions/progress_bar.h"
#include "base/log.h"

namespace posthouse::app::actions {

int export_to(const Invocation& in) {
  auto loaded = load(in);
  if (!loaded) return EX_CONFIG;
  log::configure(log::Level::error, "", "text");
  auto admin = control::connect_beside(loaded->config);
  if (!admin) return complain(*loaded, admin.error());
  // A place that can't be written is told from an account that is not there.
  const auto open = [&]() -> Result<std::unique_ptr<moving::Target>> {
    auto target = moving::open_target(in.directory, in.format, in.name);
    const bool placeless =
        !target && (target.error().kind == FaultKind::not_found || target.error().kind == FaultKind::io);
    if (placeless) return fail(FaultKind::exists, target.error().what);
    return target;
  };
  moving::ExportOptions options{in.name, in.mailbox, nullptr};
  auto outcome = [&] {
    ProgressBar bar;
    options.progress = bar.letters();
    return moving::export_letters(**admin, open, options);
  }();
  if (!outcome) return complain(outcome.error());
  return print_moved(in, *outcome, "exported");
}

}  // namespace posthouse::app::actions
