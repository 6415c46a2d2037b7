#include "app/core/folders.h"

namespace posthouse::app {

Result<void> make_data_folders(const Config& config, const User* owner) {
  if (auto made = make_directory(config.server.data_directory, 0700, owner); !made) return made;
  for (const std::string& path : {store_directory(config), run_directory(config), key_directory(config)}) {
    if (auto made = make_directory(path, 0700, owner); !made) return made;
  }
  return {};
}

Result<std::optional<User>> user_to_become(const Config& config) {
  if (!is_root()) return std::nullopt;
  if (config.server.user.empty()) {
    return fail(FaultKind::policy, "server.user: expected the user to run as, for this is started as root");
  }
  auto user = find_user(config.server.user, config.server.group);
  if (!user) return std::unexpected(user.error());
  return *user;
}

}  // namespace posthouse::app
