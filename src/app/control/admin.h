// The operator's hand: asks the running server over its control socket, or, when none runs, opens the store
// and does the same by itself. For the command line; calls block.
#pragma once

#include <boost/json/fwd.hpp>
#include <functional>
#include <memory>
#include <string>

#include "app/admin/service.h"
#include "app/config/config.h"
#include "app/deliver/local_letter.h"
#include "base/result.h"

namespace posthouse::app::control {

// Gives the next piece of a letter, at most kLetterPiece bytes; empty at its end.
using LetterPieces = std::function<Result<std::string>()>;

class Admin {
 public:
  virtual ~Admin() = default;
  virtual Result<boost::json::value> call(std::string verb, boost::json::object arguments,
                                          Progress progress) = 0;
  // The verb "import.letters" (LetterBatch) with the letters behind it.
  virtual Result<boost::json::value> send(std::string verb, boost::json::object arguments,
                                          LetterPieces pieces) = 0;
  // Keeps the account to whoever brings letters into it and goes by what is there already: two at a time
  // would each bring the same ones. `temporary` while another has it. Given back with the last copy of what
  // this gives, and when we end in whatever way. It must go before this object. `address`: of an account that
  // may be still to be made.
  using Hold = std::shared_ptr<void>;
  virtual Result<Hold> hold(std::string address);
  // The queue id of the letter.
  virtual Result<std::string> deliver(LocalEnvelope envelope, LetterPieces pieces) = 0;
};

// The server if it answers, else the store. Becomes server.user first when it opens the store as root, so
// that no file there belongs to root. A server that is just starting or ending holds the store without
// answering, so both ways are tried for some seconds; then faults of both. A call that only reads is asked
// again when the server goes away under it; one that changes something fails with `closed`: it may have been
// done.
Result<std::unique_ptr<Admin>> connect_admin(const Config& config);

// The same for who has to stay root, since the files that he reads or writes are not for the store's owner.
// Before there are threads.
Result<std::unique_ptr<Admin>> connect_beside(const Config& config);

// One each, for tests.
Result<std::unique_ptr<Admin>> connect_remote(const Config& config);
Result<std::unique_ptr<Admin>> connect_remote_at(const std::string& path);
Result<std::unique_ptr<Admin>> open_local(const Config& config);

// Makes the store of a configuration that was written by hand. Fails with `exists` when there is one.
Result<void> create_store(const Config& config);

}  // namespace posthouse::app::control
