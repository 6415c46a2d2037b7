// What sessions ask of the directory: logins of all protocols, and what an account may keep.
#pragma once

#include "access/imap/session.h"
#include "app/server/token_check.h"
#include "delivery/delivery.h"
#include "directory/directory.h"
#include "wire/sasl/server.h"

namespace posthouse::app {

// Thread-safe. The directory outlives it.
class DirectoryAuthenticator : public wire::sasl::Authenticator {
 public:
  // `tokens`: null where none are taken; outlives it.
  explicit DirectoryAuthenticator(directory::Directory& directory, TokenCheck* tokens = nullptr)
      : directory_(directory), tokens_(tokens) {}

  Task<Result<wire::sasl::Identity>> verify_password(std::string name, Secret password, IpAddress peer,
                                                     std::string protocol) override;
  Task<Result<wire::sasl::ScramCredential>> scram_credential(std::string name, IpAddress peer,
                                                             std::string protocol) override;
  Task<bool> report(std::string name, IpAddress peer, std::optional<wire::sasl::Identity> as) override;
  const wire::sasl::TokenOffer* tokens() const override;
  Task<Result<wire::sasl::Identity>> verify_token(std::string name, Secret token, IpAddress peer,
                                                  std::string protocol) override;
  Task<bool> still_stands(wire::sasl::Identity who) override;

 private:
  Task<Result<wire::sasl::Identity>> identity_of(std::string name, Secret token);

  directory::Directory& directory_;
  TokenCheck* tokens_;
};

// Thread-safe. The directory outlives it.
class DirectoryQuotas : public access::Quotas {
 public:
  // `options` hold where neither account nor domain says otherwise.
  DirectoryQuotas(directory::Directory& directory, const delivery::Options& options)
      : directory_(directory), options_(options) {}

  Task<Result<store::Quota>> quota_of(uint64_t account) override;

 private:
  directory::Directory& directory_;
  delivery::Options options_;
};

// Thread-safe. The directory outlives it.
class DirectoryPeople : public access::imap::People {
 public:
  explicit DirectoryPeople(directory::Directory& directory) : directory_(directory) {}

  Task<Result<Person>> person(uint64_t account) override;
  Task<Result<Person>> person_at(std::string address) override;

 private:
  directory::Directory& directory_;
};

}  // namespace posthouse::app
