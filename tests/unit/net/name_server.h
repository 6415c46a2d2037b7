// A name server of the tests' own, on the loopback interface.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace posthouse::net {

inline constexpr int kA = 1, kCname = 5, kPtr = 12, kMx = 15, kTxt = 16, kAaaa = 28, kRrsig = 46,
                     kDnskey = 48;

inline std::string wire_name(std::string_view name) {
  std::string wire;
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    wire.push_back(static_cast<char>(label.size()));
    wire += label;
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  return wire + '\0';
}

inline std::string be16(int n) {
  return {static_cast<char>(n >> 8), static_cast<char>(n)};
}

struct Key {
  std::string name;
  int type;
  auto operator<=>(const Key&) const = default;
};

// A name server for the resolver to ask. Answers over UDP what it was told, NXDOMAIN for names it does not
// know, nothing at all for names in "silent".
class NameServer {
 public:
  NameServer() : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    socklen_t size = sizeof address;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~NameServer() {
    shutdown(fd_, SHUT_RDWR);  // wakes recvfrom()
    if (thread_.joinable()) thread_.join();
    ::close(fd_);
  }
  void add(const std::string& name, int type, const std::string& rdata) {
    records_[{name, type}].push_back(rdata);
    known_[name] = 0;
  }
  // The signature that goes with the records of that name and type (DNSSEC).
  void sign(const std::string& name, int type, const std::string& rrsig) {
    signatures_[{name, type}] = rrsig;
  }
  void fail(const std::string& name, int rcode) { known_[name] = rcode; }
  void start() {
    thread_ = std::thread([this] { run(); });
  }
  std::string address() const { return "127.0.0.1@" + std::to_string(port_); }

 private:
  void run() {
    for (;;) {
      char packet[1500];
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      const ssize_t n = recvfrom(fd_, packet, sizeof packet, 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (n <= 0) return;
      const std::string reply = answer(std::string(packet, static_cast<size_t>(n)));
      if (reply.empty()) continue;
      sendto(fd_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }

  std::string answer(const std::string& query) const {
    std::string name;
    size_t at = 12;
    while (at < query.size() && query[at] != 0) {
      const auto size = static_cast<size_t>(query[at]);
      name += (name.empty() ? "" : ".") + query.substr(at + 1, size);
      at += size + 1;
    }
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    if (at + 5 > query.size() || name.ends_with("silent")) return {};
    const int type =
        static_cast<unsigned char>(query[at + 1]) << 8 | static_cast<unsigned char>(query[at + 2]);
    const std::string question = query.substr(12, at + 5 - 12);

    std::vector<std::pair<int, std::string>> answers;
    const auto known = known_.find(name);
    const int rcode = known == known_.end() ? 3 : known->second;
    if (const auto found = records_.find({name, type}); found != records_.end()) {
      for (const std::string& rdata : found->second) answers.emplace_back(type, rdata);
    } else if (const auto alias = records_.find({name, kCname}); alias != records_.end()) {
      answers.emplace_back(kCname, alias->second.front());
    }
    if (const auto signature = signatures_.find({name, type}); signature != signatures_.end())
      answers.emplace_back(kRrsig, signature->second);
    const bool extended = query[11] != 0;  // EDNS (RFC 6891)
    std::string reply = query.substr(0, 2) + "\x85" + static_cast<char>(0x80 | rcode);
    reply += be16(1) + be16(static_cast<int>(answers.size())) + be16(0) + be16(extended ? 1 : 0) + question;
    for (const auto& [kind, rdata] : answers) {
      reply += be16(0xc00c) + be16(kind) + be16(1) + be16(0) + be16(300) +
               be16(static_cast<int>(rdata.size())) + rdata;
    }
    if (extended) reply += std::string("\0\0\x29\x04\xd0\0\0\x80\0\0\0", 11);
    return reply;
  }

  int fd_;
  uint16_t port_ = 0;
  std::map<Key, std::vector<std::string>> records_;
  std::map<Key, std::string> signatures_;
  std::map<std::string, int> known_;
  std::thread thread_;
};

}  // namespace posthouse::net
