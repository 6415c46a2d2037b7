// The access agent for JMAP (RFC 8620): a resource of HTTP.
#pragma once

#include <memory>
#include <string>

#include "access/quotas.h"
#include "base/clock.h"
#include "base/id.h"
#include "catalog/catalog.h"
#include "catalog/sheet.h"
#include "engine/engine.h"
#include "net/http_exchange.h"
#include "search/index.h"
#include "store/mail_store.h"
#include "uploads/uploads.h"
#include "wire/sasl/server.h"

namespace posthouse::access::jmap {

struct ServerOptions {
  bool allow_plain_login = false;  // passwords without TLS: demo on loopback only
};

// All of it outlives every exchange.
struct Services {
  engine::Engine& engine;  // for the bytes of new letters
  store::MailStore& store;
  catalog::Catalog& catalog;
  catalog::Sheets& sheets;
  IdSource& ids;  // the program's one source
  const Clock& clock;
  wire::sasl::Authenticator& authenticator;
  uploads::Uploads* uploads = nullptr;  // nothing: none are taken
  search::Index* index = nullptr;       // of the store's letters; nothing: searches look at each of them
  Quotas* quotas = nullptr;             // nothing: no limits
};

// Whether a path is JMAP's.
bool is_jmap_path(std::string_view path);

// Answers a request to such a path:
//   /.well-known/jmap, /jmap/session   GET: the Session object (section 2)
//   /jmap/api                          POST: a Request (section 3.3)
//   /jmap/upload/ACCOUNT               POST: octets to be kept for a while (section 6.1)
//   /jmap/download/ACCOUNT/BLOB/NAME   GET: octets, also a range of them (section 6.2)
// Who asks says who he is by Basic or Bearer; else 401.
Task<void> answer(net::HttpExchange& exchange, std::shared_ptr<const ServerOptions> options,
                  Services services);

}  // namespace posthouse::access::jmap
