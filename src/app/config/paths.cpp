#include <unistd.h>

#include <climits>

#include "app/config/config.h"

namespace posthouse::app {

std::string store_directory(const Config& config) {
  return config.server.data_directory + "/store";
}

std::string directory_copy(const Config& config) {
  return store_directory(config) + "/" + std::string(kDirectoryCopy);
}

std::string search_directory(const Config& config) {
  return config.server.data_directory + "/search";
}

std::string catalog_directory(const Config& config) {
  return config.server.data_directory + "/catalog";
}

std::string run_directory(const Config& config) {
  return config.server.data_directory + "/run";
}

std::string key_directory(const Config& config) {
  return config.server.data_directory + "/keys";
}

std::string control_path(const Config& config) {
  if (!config.server.control_socket.empty()) return config.server.control_socket;
  return run_directory(config) + "/control.sock";
}

std::string effective_hostname(const Config& config) {
  if (!config.server.hostname.empty()) return config.server.hostname;
  char name[HOST_NAME_MAX + 1] = {};
  if (gethostname(name, HOST_NAME_MAX) != 0 || name[0] == '\0') return "localhost";
  return name;
}

std::string effective_domain(const Config& config) {
  if (!config.server.default_domain.empty()) return config.server.default_domain;
  std::string host = effective_hostname(config);
  size_t dot = host.find('.');
  // "mail.example.org" serves example.org; a name of two labels is a domain itself.
  if (dot == std::string::npos || host.find('.', dot + 1) == std::string::npos) return host;
  return host.substr(dot + 1);
}

}  // namespace posthouse::app
