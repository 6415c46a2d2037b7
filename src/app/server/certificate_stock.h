// The certificates that were last seen good. A renewal that went wrong, or a key that is broken on disk,
// takes nothing of the others and nothing that was in service before.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "app/config/config.h"
#include "base/result.h"
#include "net/tls.h"

namespace posthouse::app {

// Pairs by the names of their files. Small enough to be copied; a fork hands it on.
class CertificateStock {
 public:
  // A pair of files that can't be used, and why; the fault names the files.
  struct Bad {
    CertificateFiles files;
    Fault fault;
    bool kept;  // it was good before, and is served as it was
  };

  // Reads every pair that `config` names. Good ones take the place of what is here, others leave it; pairs
  // that are not named any more go. Gives the bad ones.
  std::vector<Bad> refresh(const Config& config);

  // In the order of the configuration; without those that never were good.
  std::vector<net::ServerCertificate> good() const;

 private:
  struct Pair {
    CertificateFiles files;
    net::ServerCertificate certificate;
  };
  std::vector<Pair> pairs_;
};

// Reads one pair; the fault names the files.
Result<net::ServerCertificate> read_certificate(const CertificateFiles& files);

}  // namespace posthouse::app
