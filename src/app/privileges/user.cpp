#include "app/privileges/user.h"

#include <grp.h>
#include <pwd.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace posthouse::app {
namespace {

Result<void> failed(const char* what) {
  return fail(FaultKind::io, fmt::format("{}: {}", what, std::strerror(errno)));
}

Result<void> clear_capabilities() {
  cap_t none = cap_init();
  if (none == nullptr) return failed("cap_init");
  int done = cap_set_proc(none);
  int error = errno;
  cap_free(none);
  errno = error;
  if (done != 0) return failed("giving up capabilities");
  return {};
}

}  // namespace

bool is_root() {
  return geteuid() == 0;
}

Result<User> find_user(const std::string& name) {
  const passwd* entry = getpwnam(name.c_str());
  if (entry == nullptr) {
    return fail(
        FaultKind::not_found,
        fmt::format("there is no user \"{}\"; make it with: useradd --system --user-group --no-create-home "
                    "--shell /usr/sbin/nologin {}",
                    name, name));
  }
  return User{entry->pw_uid, entry->pw_gid, name};
}

std::string name_of_user(unsigned uid) {
  const passwd* entry = getpwuid(uid);
  return entry == nullptr ? fmt::to_string(uid) : std::string(entry->pw_name);
}

Result<unsigned> find_group(const std::string& name) {
  const struct group* entry = getgrnam(name.c_str());
  if (entry == nullptr) return fail(FaultKind::not_found, fmt::format("there is no group \"{}\"", name));
  return entry->gr_gid;
}

Result<void> set_no_new_privileges() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no_new_privs");
  return {};
}

Result<void> become(const User& user) {
  if (user.uid == 0) return fail(FaultKind::policy, "will not run as root");
  if (setgroups(0, nullptr) != 0) return failed("setgroups");
  if (setresgid(user.gid, user.gid, user.gid) != 0) return failed("setresgid");
  if (setresuid(user.uid, user.uid, user.uid) != 0) return failed("setresuid");
  if (auto cleared = clear_capabilities(); !cleared) return cleared;
  if (auto kept = set_no_new_privileges(); !kept) return kept;
  if (setuid(0) == 0 || geteuid() == 0 || getuid() == 0)
    return fail(FaultKind::io, "root could not be given up");
  return {};
}

Result<void> make_directory(const std::string& path, unsigned mode, const User* owner) {
  std::error_code error;
  std::filesystem::path parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (::mkdir(path.c_str(), mode) != 0) {
    const int reason = errno;
    if (reason == EEXIST && std::filesystem::is_directory(path, error)) return {};
    const bool rights = reason == EACCES || reason == EPERM;
    return fail(rights ? FaultKind::policy : FaultKind::io,
                fmt::format("{}: {}", path, std::strerror(reason)));
  }
  if (::chmod(path.c_str(), mode) != 0) return failed(path.c_str());
  if (owner != nullptr && is_root() && ::lchown(path.c_str(), owner->uid, owner->gid) != 0) {
    return failed(path.c_str());
  }
  return {};
}

}  // namespace posthouse::app
