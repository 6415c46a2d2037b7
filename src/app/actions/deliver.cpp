#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "app/actions/actions.h"
#include "app/config/units.h"
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

// The letter piece by piece, refused for good once it is larger than a letter may be: the server's own limit,
// which would hold over SMTP as well.
control::LetterPieces pieces_up_to(uint64_t most) {
  auto left = std::make_shared<uint64_t>(most);
  return [left, most]() -> Result<std::string> {
    auto piece = next_piece();
    if (!piece) return piece;
    if (piece->size() > *left) {
      return fail(FaultKind::permanent,
                  fmt::format("the letter is larger than limits.message_size ({})", format_size(most)));
    }
    *left -= piece->size();
    return piece;
  };
}

// "<a@b>" is how an envelope is written, "<>" the null reverse-path (RFC 5321 section 4.5.5).
std::string without_brackets(const std::string& path) {
  bool bracketed = path.size() >= 2 && path.front() == '<' && path.back() == '>';
  return bracketed ? path.substr(1, path.size() - 2) : path;
}

}  // namespace

// What a mail system that hands letters to us reads from the exit status: not ours and unknown are for good,
// all that may pass is EX_TEMPFAIL.
int deliver(const Invocation& in) {
  auto loaded = load(in);
  if (!loaded) return EX_CONFIG;
  const Config* config = &loaded->config;
  if (in.targets.size() > kDeliverRecipients) {
    Fault fault{FaultKind::syntax, fmt::format("more than {} recipients", kDeliverRecipients)};
    return complain(fault);
  }
  log::configure(log::Level::error, "", "text");
  auto admin = control::connect_admin(*config);
  if (!admin) {
    complain(*loaded, admin.error());
    return EX_TEMPFAIL;
  }
  auto id =
      (*admin)->deliver({without_brackets(in.sender), in.targets}, pieces_up_to(config->limits.message_size));
  if (!id) {
    bool full_for_good = id.error().kind == FaultKind::over_quota && config->quota.over_is_permanent;
    int status = complain(id.error());
    return full_for_good ? EX_UNAVAILABLE : status;
  }
  return EX_OK;
}

}  // namespace posthouse::app::actions
