// The mail system without its network: engine, directory, store, delivery, queue, acceptance, put together as
// the configuration says. The server serves it; the command line uses it directly when no server runs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "acceptance/acceptance.h"
#include "app/config/config.h"
#include "app/core/file_places.h"
#include "app/core/taken_places.h"
#include "base/id.h"
#include "base/pool.h"
#include "base/result.h"
#include "catalog/stored_catalog.h"
#include "delivery/delivery.h"
#include "directory/directory.h"
#include "engine/engine.h"
#include "mirror/mirror.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "queue/queue.h"
#include "search/index.h"
#include "search/indexer.h"
#include "store/mail_store.h"
#include "transport/transport.h"

namespace posthouse::app {

// What a repair did, a sentence each, and whether something could not be brought back.
struct Repaired {
  std::vector<std::string> done;
  bool lost = false;
};

// Thread-safe as its parts are. They are destroyed in the order that they need each other.
class Core {
 public:
  // Opens the store; makes it where there is none only if told. Faults as engine::open_rocks_engine.
  enum class Store { existing, create, read_only };
  static Result<std::unique_ptr<Core>> open(const Config& config, Store store = Store::existing);
  // The same and settle(), for whoever is to read or write. Opens it again when damage is in the way of that,
  // which mends it. Blocks; on a thread without a loop.
  static Result<std::unique_ptr<Core>> open_settled(const Config& config, Store store = Store::existing);

  // Puts in order what may have lost rows when damaged files were mended (engine::Engine::lost). First of
  // all, before anybody else reads or writes; does nothing otherwise. What can't be put in order now is tried
  // again at the next start. Fails when the store can't be written. Also learns which accounts are kept in
  // files.
  Task<Result<void>> settle();
  // The same, but for the places of files, which a restore sees to itself.
  Task<Result<void>> settle_rows();

  // Puts in order whatever is not, while nobody else has the store: accounts whose rows contradict each other
  // (as settle() does), bodies without messages, references, counts, the queue's schedule. Repeatable;
  // interrupted, it is done by the next.
  using Progress = std::function<void(uint64_t done, uint64_t total)>;
  // `remove_unowned`: also bodies of letters whose account is nowhere to be found.
  Task<Result<Repaired>> repair(Progress progress, bool remove_unowned);

  // Every account is counted with its domain: those made by earlier versions are once, `anew` all are and
  // what the domains count is counted again.
  Task<Result<void>> group_accounts(bool anew);

  // The transport of this core on `loop`, not started. `resolver` outlives it. Fails when the smarthost's
  // password file or the authorities can't be read.
  Result<std::unique_ptr<transport::Transport>> make_transport(const Config& config, net::Loop& loop,
                                                               net::Resolver& resolver);

  // The search index; opened, or made, at the first call. `policy` when the configuration wants none.
  Result<search::Index*> search_index();
  // The catalog, in the same way.
  Result<catalog::StoredCatalog*> catalog();
  // Who keeps the index up to date, while the server runs; else null.
  search::Indexer* indexer = nullptr;

 private:
  Task<Result<void>> settle_directory();
  Core(const Config& config, std::unique_ptr<engine::Engine> opened);

  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<search::StoredIndex> search_;
  std::unique_ptr<catalog::StoredCatalog> catalog_;
  uint64_t search_reserve_;
  Pool passwords_;

 public:
  engine::Engine& engine;
  const FilePlaces places;
  const std::string data_directory;
  const std::string directory_copy_path;
  const std::string search_directory, catalog_directory;
  const Config::Search search_options;
  const Clock& clock;
  Random& random;
  const seconds keep_expunged;  // how long expunged letters may come back
  IdSource ids;
  directory::Directory directory;
  store::MailStore store;
  mirror::Mirror mirror;
  TakenPlaces taken_places;
  delivery::Delivery delivery;
  queue::Queue queue;
  acceptance::Acceptance acceptance;
};

// When the directory can't be read through.
std::vector<uint64_t> accounts_with_rows(const engine::Reader& reader);

// With which accounts one is counted: its domain. `address`: normalised.
std::string group_of(std::string_view address);

// A resolver that knows nothing and never waits, for a transport that must not connect.
std::unique_ptr<net::Resolver> make_null_resolver();

// The first line of a file without its line end. Fails with io, naming the file.
Result<std::string> read_first_line(const std::string& path);
// A whole file of at most `limit` bytes.
Result<std::string> read_file(const std::string& path, size_t limit);

}  // namespace posthouse::app
