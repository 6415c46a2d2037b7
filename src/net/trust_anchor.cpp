#include "net/trust_anchor.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/ascii.h"

namespace posthouse::net {

namespace {
constexpr std::streamsize kLargestFile = 1 << 20;

// Does a line of the master file format (RFC 1035 section 5.1) name a key? Comments begin with ";".
bool names_key(std::string_view line) {
  std::istringstream words{std::string(line.substr(0, line.find(';')))};
  std::string word;
  while (words >> word) {
    if (iequals(word, "DS") || iequals(word, "DNSKEY")) return true;
  }
  return false;
}
}  // namespace

Result<void> check_trust_anchor(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    return fail(FaultKind::io, path + " is no file");
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(FaultKind::io, path + ": " + std::strerror(errno));
  std::string text(kLargestFile, '\0');
  in.read(text.data(), kLargestFile);
  text.resize(static_cast<size_t>(in.gcount()));
  const auto lines = split(text, '\n');
  if (std::any_of(lines.begin(), lines.end(), names_key)) return {};
  return fail(FaultKind::syntax, path + " has no DNSSEC key (no DS or DNSKEY record)");
}

}  // namespace posthouse::net
