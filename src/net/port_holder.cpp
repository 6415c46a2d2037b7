#include "net/port_holder.h"

#include <pwd.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <vector>

#include "base/ascii.h"

namespace posthouse::net {

namespace {
namespace fs = std::filesystem;

// A v4-mapped v6 address is a v4 one.
IpAddress unmapped(const IpAddress& ip) {
  const std::optional<IpAddress> same = IpAddress::parse(ip.to_string());
  return same.value_or(ip);
}

struct Listener {
  IpAddress at;  // :: may stand for 0.0.0.0 as well; the table does not tell
  uid_t user = 0;
};
using Listeners = std::map<std::string, Listener>;  // by inode

// The address of a table: words of 32 bits in hexadecimal digits, each in the byte order of this machine.
std::optional<IpAddress> parse_address(std::string_view digits) {
  constexpr size_t kWord = 8;
  if (digits.size() != kWord && digits.size() != 4 * kWord) return std::nullopt;
  IpAddress out;
  out.v6 = digits.size() != kWord;
  for (size_t at = 0; at < digits.size(); at += kWord) {
    uint32_t word = 0;
    const char* const end = digits.data() + at + kWord;
    if (std::from_chars(digits.data() + at, end, word, 16).ptr != end) return std::nullopt;
    std::memcpy(out.bytes.data() + at / 2, &word, sizeof word);
  }
  return unmapped(out);
}

// Those on `port`. Lines of /proc/net/tcp: "0: 0100007F:0019 00000000:0000 0A ...", the eighth field being
// the user, the tenth the inode, 0A the state LISTEN.
void collect_listeners(const std::string& table, uint16_t port, Listeners& listeners) {
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
    const std::optional<IpAddress> address = parse_address(std::string_view(local).substr(0, colon));
    if (number != port || !address) continue;
    listeners[inode] = {*address, static_cast<uid_t>(parse_uint(uid).value_or(0))};
  }
}

bool collide(const IpAddress& held, const IpAddress& wanted) {
  return held.v6 == wanted.v6 && (held == wanted || held.is_any() || wanted.is_any());
}

// A socket on :: that takes IPv4 too tolerates no other on the port, so it counts only where there is none.
Listeners in_the_way(const Listeners& all, const IpAddress& wanted) {
  Listeners out;
  for (const auto& [inode, listener] : all) {
    if (collide(listener.at, wanted)) out.emplace(inode, listener);
  }
  if (!out.empty() || wanted.v6) return out;
  for (const auto& [inode, listener] : all) {
    if (listener.at.is_any()) out.emplace(inode, listener);
  }
  return out;
}

// The inodes of those that the process has.
std::vector<std::string> held_by(const fs::path& process, const Listeners& listeners) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(process / "fd", error)) {
    const std::string target = fs::read_symlink(entry.path(), error).string();
    if (!target.starts_with("socket:[")) continue;
    std::string inode = target.substr(8, target.size() - 9);
    if (listeners.contains(inode)) out.push_back(std::move(inode));
  }
  return out;
}

std::string process_of_user(uid_t uid) {
  const passwd* user = getpwuid(uid);
  return "a process of user " + (user != nullptr ? std::string(user->pw_name) : std::to_string(uid));
}

std::string join(const std::set<std::string>& holders) {
  std::string out;
  for (const std::string& holder : holders) out += (out.empty() ? "" : " and ") + holder;
  return out;
}
}  // namespace

std::string port_holder(const Endpoint& wanted, const std::string& proc) {
  Listeners all;
  collect_listeners(proc + "/net/tcp", wanted.port, all);
  collect_listeners(proc + "/net/tcp6", wanted.port, all);
  Listeners listeners = in_the_way(all, unmapped(wanted.ip));
  std::set<std::string> holders;
  std::set<std::string> known;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(proc, error)) {
    const std::string pid = entry.path().filename().string();
    if (!parse_uint(pid)) continue;
    const std::vector<std::string> held = held_by(entry.path(), listeners);
    if (held.empty()) continue;
    known.insert(held.begin(), held.end());
    std::ifstream comm(entry.path() / "comm");
    std::string name;
    std::getline(comm, name);
    holders.insert(name + " (pid " + pid + ")");
  }
  for (const auto& [inode, listener] : listeners) {
    if (!known.contains(inode)) holders.insert(process_of_user(listener.user));
  }
  return join(holders);
}

}  // namespace posthouse::net
