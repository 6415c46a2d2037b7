#include "net/port_holder.h"

#include <pwd.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/ascii.h"

namespace posthouse::net {

namespace {
namespace fs = std::filesystem;

// Sockets that listen, by inode, with the user they belong to.
using Sockets = std::map<std::string, uid_t>;

// Those on `port`. Lines of /proc/net/tcp: "0: 0100007F:0019 00000000:0000 0A ...", the eighth field being
// the user, the tenth the inode, 0A the state LISTEN.
void collect_sockets(const std::string& table, uint16_t port, Sockets& sockets) {
  std::ifstream file(table);
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
    words >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >> inode;
    const size_t colon = local.rfind(':');
    if (state != "0A" || colon == std::string::npos) continue;
    unsigned number = 0;
    std::from_chars(local.data() + colon + 1, local.data() + local.size(), number, 16);
    if (number == port) sockets[inode] = static_cast<uid_t>(parse_uint(uid).value_or(0));
  }
}

bool holds(const fs::path& process, const Sockets& sockets) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(process / "fd", error)) {
    const std::string target = fs::read_symlink(entry.path(), error).string();
    if (!target.starts_with("socket:[")) continue;
    if (sockets.contains(target.substr(8, target.size() - 9))) return true;
  }
  return false;
}

std::string process_of_user(uid_t uid) {
  const passwd* user = getpwuid(uid);
  return "a process of user " + (user != nullptr ? std::string(user->pw_name) : std::to_string(uid));
}
}  // namespace

std::string port_holder(uint16_t port, const std::string& proc) {
  Sockets sockets;
  collect_sockets(proc + "/net/tcp", port, sockets);
  collect_sockets(proc + "/net/tcp6", port, sockets);
  if (sockets.empty()) return {};
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(proc, error)) {
    const std::string pid = entry.path().filename().string();
    if (!parse_uint(pid) || !holds(entry.path(), sockets)) continue;
    std::ifstream comm(entry.path() / "comm");
    std::string name;
    std::getline(comm, name);
    return name + " (pid " + pid + ")";
  }
  return process_of_user(sockets.begin()->second);
}

}  // namespace posthouse::net
