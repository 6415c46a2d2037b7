#include <atomic>
#include <boost/json.hpp>
#include <filesystem>

#include "app/admin/letter_batch.h"
#include "app/control/admin.h"
#include "app/core/folders.h"
#include "directory/records.h"
#include "net/loop.h"

namespace posthouse::app::control {
namespace {

namespace json = boost::json;

// `bounces`: the verb needs a transport, which lives on the loop of this call and never connects.
Task<Result<json::value>> execute(Core& core, const Config& config, std::string verb, json::object arguments,
                                  Progress progress) {
  AdminService service(core);
  auto resolver = make_null_resolver();
  std::unique_ptr<transport::Transport> transport;
  if (verb == "queue.bounce") {
    auto made = core.make_transport(config, net::this_loop(), *resolver);
    if (!made) co_return std::unexpected(made.error());
    transport = std::move(*made);
    service.set_transport(transport.get());
  }
  co_return co_await service.execute(std::move(verb), std::move(arguments), std::move(progress));
}

Task<Result<std::string>> take_letter(Core& core, const Config& config, LocalEnvelope envelope,
                                      LetterPieces pieces) {
  std::string hostname = effective_hostname(config);
  std::string domain = effective_domain(config);
  auto letter = co_await LocalLetter::open(core, std::move(hostname), std::move(domain), std::move(envelope));
  if (!letter) co_return std::unexpected(letter.error());
  while (true) {
    auto piece = pieces();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    auto written = co_await (*letter)->write(std::move(*piece));
    if (!written) co_return std::unexpected(written.error());
  }
  auto done = co_await (*letter)->commit();
  if (!done) co_return std::unexpected(done.error());
  co_return (*letter)->queue_id();
}

Task<Result<json::value>> take_in(Core& core, json::object arguments, LetterPieces pieces) {
  auto letter = co_await LetterBatch::open(core, std::move(arguments));
  if (!letter) co_return std::unexpected(letter.error());
  while (true) {
    auto piece = pieces();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    auto written = co_await (*letter)->write(std::move(*piece));
    if (!written) co_return std::unexpected(written.error());
  }
  co_return co_await (*letter)->commit();
}

}  // namespace

// Who has the store has all of its accounts.
Result<Admin::Hold> Admin::hold(std::string) {
  return Hold();
}

namespace {

class LocalAdmin : public Admin {
 public:
  LocalAdmin(std::unique_ptr<Core> core, const Config& config)
      : core_(std::move(core)),
        config_(config),
        watch_(core_->engine.watch(directory::kPartition, [this] { changed_ = true; })) {}
  // The copy of the directory is the server's: without one it would name, after damage, who is gone by now.
  ~LocalAdmin() override {
    watch_.reset();
    std::error_code ignored;
    if (changed_) std::filesystem::remove(core_->directory_copy_path, ignored);
  }

  Result<json::value> call(std::string verb, json::object arguments, Progress progress) override {
    if (!progress) progress = [](uint64_t, uint64_t) {};
    return net::run_blocking(
        execute(*core_, config_, std::move(verb), std::move(arguments), std::move(progress)));
  }

  Result<json::value> send(std::string verb, json::object arguments, LetterPieces pieces) override {
    if (verb == "import.letters")
      return net::run_blocking(take_in(*core_, std::move(arguments), std::move(pieces)));
    return fail(FaultKind::syntax, "unknown verb " + verb);
  }

  Result<std::string> deliver(LocalEnvelope envelope, LetterPieces pieces) override {
    return net::run_blocking(take_letter(*core_, config_, std::move(envelope), std::move(pieces)));
  }

 private:
  std::unique_ptr<Core> core_;
  Config config_;
  std::atomic<bool> changed_ = false;
  std::unique_ptr<engine::Watch> watch_;
};

}  // namespace

namespace {

// The folders of the store, and ourselves as who owns them.
Result<void> enter_folders(const Config& config) {
  auto found = owner_of_data(config);
  if (!found) return std::unexpected(found.error());
  const std::optional<User>& user = *found;
  if (auto made = make_data_folders(config, user ? &*user : nullptr); !made)
    return std::unexpected(made.error());
  if (user) {
    auto became = become(*user);
    if (!became) return std::unexpected(became.error());
  }
  return {};
}

}  // namespace

Result<void> create_store(const Config& config) {
  if (auto entered = enter_folders(config); !entered) return entered;
  auto there = Core::open(config);
  if (there) return fail(FaultKind::exists, fmt::format("{} is there already", store_directory(config)));
  if (there.error().kind != FaultKind::not_found) return std::unexpected(there.error());
  auto made = Core::open(config, Core::Store::create);
  if (!made) return std::unexpected(made.error());
  return {};
}

Result<std::unique_ptr<Admin>> open_local(const Config& config) {
  // To `deliver`, "not found" would mean that there is no such user, which bounces letters.
  if (auto there = find_store(config); !there) return fail(FaultKind::io, there.error().what);
  if (auto entered = enter_folders(config); !entered) return std::unexpected(entered.error());
  auto core = Core::open_settled(config);
  if (!core && core.error().kind == FaultKind::not_found) return fail(FaultKind::io, core.error().what);
  if (!core) return std::unexpected(core.error());
  return std::make_unique<LocalAdmin>(std::move(*core), config);
}

}  // namespace posthouse::app::control
