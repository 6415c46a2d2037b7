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
  const auto open = [&] { return moving::open_target(in.directory, in.format, in.name); };
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
