#include "app/server/certificate_stock.h"

#include <algorithm>

#include "app/core/core.h"
#include "app/server/own_certificate.h"

namespace posthouse::app {
namespace {

constexpr size_t kLargestPem = 1 << 20;

}  // namespace

Result<net::ServerCertificate> read_certificate(const CertificateFiles& files) {
  auto chain = read_file(files.chain, kLargestPem);
  if (!chain) return std::unexpected(chain.error());
  auto key = read_file(files.key, kLargestPem);
  if (!key) return std::unexpected(key.error());
  net::ServerCertificate out{std::move(*chain), std::move(*key)};
  auto usable = net::TlsContext::server({out}, "check");
  if (!usable) {
    return fail(usable.error().kind, fmt::format("{}, {}: {}", files.chain, files.key, usable.error().what));
  }
  return out;
}

std::vector<CertificateStock::Bad> CertificateStock::refresh(const Config& config) {
  std::vector<Bad> bad;
  std::vector<Pair> fresh;
  for (const CertificateFiles& files : certificate_files(config)) {
    auto read = read_certificate(files);
    if (read) {
      fresh.push_back({files, std::move(*read)});
      continue;
    }
    auto before =
        std::find_if(pairs_.begin(), pairs_.end(), [&](const Pair& pair) { return pair.files == files; });
    const bool kept = before != pairs_.end();
    if (kept) fresh.push_back(*before);
    bad.push_back({files, read.error(), kept});
  }
  pairs_ = std::move(fresh);
  return bad;
}

std::vector<net::ServerCertificate> CertificateStock::good() const {
  std::vector<net::ServerCertificate> out;
  for (const Pair& pair : pairs_) out.push_back(pair.certificate);
  return out;
}

}  // namespace posthouse::app
