#include "submission/standing.h"

#include "smtp/letter_reply.h"

namespace posthouse::submission {

Task<std::optional<smtp::Reply>> no_longer_welcome(directory::Directory& directory,
                                                   directory::AccountId account) {
  Result<directory::Standing> standing = co_await directory.standing(account);
  std::optional<smtp::Reply> refusal;
  if (!standing && standing.error().kind != FaultKind::not_found) {
    refusal = smtp::try_later();
  } else if (!standing || !standing->enabled) {
    refusal = smtp::Reply{550, "5.7.1", "This account may not send"};
  }
  co_return refusal;
}

}  // namespace posthouse::submission
