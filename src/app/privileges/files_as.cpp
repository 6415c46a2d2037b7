#include "app/privileges/files_as.h"

#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "base/log.h"

namespace posthouse::app {
namespace {

// The kernel's own calls, which are of one thread; those of the C library are of all.
bool set_groups(const std::vector<gid_t>& groups) {
  return ::syscall(SYS_setgroups, groups.size(), groups.data()) == 0;
}

// These tell the number before, and nothing of failure: asked again, they tell whether it was done.
bool set_file_user(unsigned uid) {
  ::setfsuid(uid);
  return static_cast<unsigned>(::setfsuid(uid)) == uid;
}

bool set_file_group(unsigned gid) {
  ::setfsgid(gid);
  return static_cast<unsigned>(::setfsgid(gid)) == gid;
}

}  // namespace

FilesAs::FilesAs(const std::optional<User>& user) {
  if (!user || !is_root()) return;
  gid_ = ::getegid();
  changed_ = true;
  done_ = set_groups({}) && set_file_group(user->gid) && set_file_user(user->uid);
}

FilesAs::~FilesAs() {
  if (!changed_) return;
  // The groups that root had besides are not needed: root may read everything.
  if (set_file_user(0) && set_file_group(gid_)) return;
  log::flush();
  std::abort();
}

}  // namespace posthouse::app
