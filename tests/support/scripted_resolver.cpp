#include "support/scripted_resolver.h"

#include <stdexcept>

#include "base/ascii.h"

namespace posthouse::test {

namespace {
IpAddress must_parse(const std::string& ip) {
  const auto address = IpAddress::parse(ip);
  if (!address) throw std::invalid_argument("no address: " + ip);
  return *address;
}
}  // namespace

void ScriptedResolver::add_mx(const std::string& name, uint16_t preference, const std::string& host) {
  const std::lock_guard lock(mutex_);
  names_[name].mx.push_back(net::MxRecord{preference, host});
}

void ScriptedResolver::add_address(const std::string& name, const std::string& ip) {
  const IpAddress address = must_parse(ip);
  const std::lock_guard lock(mutex_);
  auto& all = names_[name].addresses;
  auto at = all.begin();  // v6 first, as the interface promises
  while (at != all.end() && (at->v6 || !address.v6)) ++at;
  all.insert(at, address);
}

void ScriptedResolver::add_txt(const std::string& name, const std::string& text) {
  const std::lock_guard lock(mutex_);
  names_[name].txt.push_back(text);
}

void ScriptedResolver::add_ptr(const std::string& ip, const std::string& name) {
  const std::lock_guard lock(mutex_);
  names_[must_parse(ip).to_string()].ptr.push_back(name);
}

void ScriptedResolver::set_status(const std::string& name, net::DnsStatus status) {
  const std::lock_guard lock(mutex_);
  names_[name].status = status;
}

void ScriptedResolver::set_secure(const std::string& name) {
  const std::lock_guard lock(mutex_);
  names_[name].secure = true;
}

void ScriptedResolver::clear(const std::string& name) {
  const std::lock_guard lock(mutex_);
  names_.erase(name);
}

size_t ScriptedResolver::asked(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = asked_.find(name);
  return found == asked_.end() ? 0 : found->second;
}

template <class Record>
net::DnsAnswer<Record> ScriptedResolver::answer(const std::string& asked_name,
                                                std::vector<Record> Name::* records) {
  std::string name = to_lower(asked_name);
  if (!name.empty() && name.back() == '.') name.pop_back();
  const std::lock_guard lock(mutex_);
  ++asked_[name];
  net::DnsAnswer<Record> answer;
  const auto found = names_.find(name);
  if (found == names_.end()) {
    answer.status = net::DnsStatus::nxdomain;
    return answer;
  }
  answer.status = found->second.status;
  answer.secure = found->second.secure;
  if (answer.status == net::DnsStatus::ok) answer.records = found->second.*records;
  return answer;
}

Task<net::DnsAnswer<net::MxRecord>> ScriptedResolver::mx(std::string name) {
  co_return answer(name, &Name::mx);
}
Task<net::DnsAnswer<IpAddress>> ScriptedResolver::addresses(std::string name) {
  co_return answer(name, &Name::addresses);
}
Task<net::DnsAnswer<std::string>> ScriptedResolver::txt(std::string name) {
  co_return answer(name, &Name::txt);
}
Task<net::DnsAnswer<std::string>> ScriptedResolver::ptr(IpAddress address) {
  co_return answer(address.to_string(), &Name::ptr);
}

}  // namespace posthouse::test
