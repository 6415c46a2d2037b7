// A Resolver that answers what a test told it.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "net/resolver.h"

namespace posthouse::test {

// Thread-safe. Names are given in lower case without trailing dot. A name without any record is NXDOMAIN; a
// name with records of another type only is ok and empty.
class ScriptedResolver : public net::Resolver {
 public:
  void add_mx(const std::string& name, uint16_t preference, const std::string& host);
  void add_address(const std::string& name, const std::string& ip);
  void add_txt(const std::string& name, const std::string& text);
  void add_ptr(const std::string& ip, const std::string& name);
  void set_status(const std::string& name, net::DnsStatus status);  // of every type of this name
  void set_secure(const std::string& name);
  void clear(const std::string& name);

  // How often was anything asked about this name?
  size_t asked(const std::string& name) const;

  Task<net::DnsAnswer<net::MxRecord>> mx(std::string name) override;
  Task<net::DnsAnswer<IpAddress>> addresses(std::string name) override;
  Task<net::DnsAnswer<std::string>> txt(std::string name) override;
  Task<net::DnsAnswer<std::string>> ptr(IpAddress address) override;

 private:
  struct Name {
    net::DnsStatus status = net::DnsStatus::ok;
    bool secure = false;
    std::vector<net::MxRecord> mx;
    std::vector<IpAddress> addresses;
    std::vector<std::string> txt;
    std::vector<std::string> ptr;
  };
  template <class Record>
  net::DnsAnswer<Record> answer(const std::string& name, std::vector<Record> Name::* records);

  mutable std::mutex mutex_;
  std::map<std::string, Name> names_;
  std::map<std::string, size_t> asked_;
};

}  // namespace posthouse::test
