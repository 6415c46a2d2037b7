// Inside of a TlsContext, for the files of net/ that speak OpenSSL.
#pragma once

#include <openssl/ssl.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/tls.h"

namespace posthouse::net {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using SslContextPtr = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Freer<SSL_free>>;
using X509Ptr = std::unique_ptr<X509, Freer<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;

struct TlsContext::Impl {
  bool is_server = false;
  bool verify = false;                      // client
  std::vector<SslContextPtr> contexts;      // server: one for each certificate, the default first
  std::map<std::string, SSL_CTX*> by_name;  // server: names of the certificates, perhaps *.example.org
  std::string alpn;                         // server: protocol ids in wire form, best first

  SSL_CTX* find(const std::string& server_name) const;  // nullptr: no certificate has that name
};

// The reason of the last OpenSSL error on this thread, which is cleared.
std::string openssl_reason();

// A name as certificates and SNI compare: lower case, no trailing dot.
std::string normal_name(std::string_view name);

std::vector<X509Ptr> read_chain(const std::string& pem);  // empty on any error
std::vector<std::string> names_of(const X509& certificate);

}  // namespace posthouse::net
