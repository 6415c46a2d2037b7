// Logins of all protocols, answered by the directory.
#pragma once

#include "directory/directory.h"
#include "wire/sasl/server.h"

namespace posthouse::app {

// Thread-safe. The directory outlives it.
class DirectoryAuthenticator : public wire::sasl::Authenticator {
 public:
  explicit DirectoryAuthenticator(directory::Directory& directory) : directory_(directory) {}

  Task<Result<wire::sasl::Identity>> verify_password(std::string name, Secret password, IpAddress peer,
                                                     std::string protocol) override;
  Task<Result<wire::sasl::ScramCredential>> scram_credential(std::string name, IpAddress peer) override;
  void report(std::string name, IpAddress peer, bool success) override;

 private:
  directory::Directory& directory_;
};

}  // namespace posthouse::app
