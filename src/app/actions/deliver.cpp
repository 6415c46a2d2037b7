#include <sysexits.h>
#include <unistd.h>

#include <cerrno>

#include "app/actions/actions.h"
#include "app/control/admin.h"
#include "app/limits.h"
#include "base/log.h"

namespace posthouse::app::actions {
namespace {

Result<std::string> next_piece() {
  std::string piece(kLetterPiece, '\0');
  ssize_t n = 0;
  do {
    n = ::read(STDIN_FILENO, piece.data(), piece.size());
  } while (n < 0 && errno == EINTR);
  if (n < 0) return fail(FaultKind::io, fmt::format("standard input: {}", std::strerror(errno)));
  piece.resize(static_cast<size_t>(n));
  return piece;
}

}  // namespace

// What a mail system that hands letters to us reads from the exit status: not ours and unknown are for good,
// all that may pass is EX_TEMPFAIL.
int deliver(const Invocation& in) {
  auto config = load(in);
  if (!config) return EX_CONFIG;
  if (in.targets.size() > kDeliverRecipients) {
    Fault fault{FaultKind::syntax, fmt::format("more than {} recipients", kDeliverRecipients)};
    return complain(fault);
  }
  log::configure(log::Level::error, "", "text");
  auto admin = control::connect_admin(*config);
  if (!admin) {
    complain(admin.error());
    return EX_TEMPFAIL;
  }
  auto id = (*admin)->deliver({in.sender, in.targets}, next_piece);
  if (!id) {
    bool full_for_good = id.error().kind == FaultKind::over_quota && config->quota.over_is_permanent;
    int status = complain(id.error());
    return full_for_good ? EX_UNAVAILABLE : status;
  }
  return EX_OK;
}

}  // namespace posthouse::app::actions
