#include "app/core/core.h"

namespace posthouse::app {
namespace {

class NullResolver : public net::Resolver {
 public:
  Task<net::DnsAnswer<net::MxRecord>> mx(std::string) override { co_return net::DnsAnswer<net::MxRecord>(); }
  Task<net::DnsAnswer<IpAddress>> addresses(std::string) override { co_return net::DnsAnswer<IpAddress>(); }
  Task<net::DnsAnswer<std::string>> txt(std::string) override { co_return net::DnsAnswer<std::string>(); }
  Task<net::DnsAnswer<std::string>> ptr(IpAddress) override { co_return net::DnsAnswer<std::string>(); }
};

}  // namespace

std::unique_ptr<net::Resolver> make_null_resolver() {
  return std::make_unique<NullResolver>();
}

}  // namespace posthouse::app
