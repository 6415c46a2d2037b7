// What sessions ask of the directory: logins of all protocols, and what an account may keep.
#pragma once

#include "access/imap/session.h"
#include "delivery/delivery.h"
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
  bool report(std::string name, IpAddress peer, bool success) override;

 private:
  directory::Directory& directory_;
};

// Thread-safe. The directory outlives it.
class DirectoryQuotas : public access::imap::Quotas {
 public:
  // `options` hold where neither account nor domain says otherwise.
  DirectoryQuotas(directory::Directory& directory, const delivery::Options& options)
      : directory_(directory), options_(options) {}

  Task<Result<store::Quota>> quota_of(uint64_t account) override;

 private:
  directory::Directory& directory_;
  delivery::Options options_;
};

}  // namespace posthouse::app
