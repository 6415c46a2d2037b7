// A certificate of our own making, so that there is TLS from the first start.
#pragma once

#include "app/config/config.h"
#include "base/result.h"

namespace posthouse::app {

// When the configuration names no certificates: makes a self-signed one in DATA/tls, unless it is there
// already, and names it in `config`. It holds for the host name, the domain, localhost and 127.0.0.1.
Result<void> add_own_certificate(Config& config);

// The pairs that are served: those that the configuration names, or else our own.
std::vector<CertificateFiles> certificate_files(const Config& config);

// Creates the file, which must not exist, with these permissions; complete on disk when it returns. Faults:
// exists, io.
Result<void> write_new_file(const std::string& path, const std::string& text, unsigned mode);

}  // namespace posthouse::app
