#include "app/backup/backup.h"

#include <sys/stat.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <set>

#include "app/backup/bodies.h"
#include "app/backup/damaged_letters.h"
#include "app/backup/file_letters.h"
#include "app/backup/intake.h"
#include "app/backup/opened.h"
#include "app/control/admin.h"
#include "app/core/folders.h"
#include "app/privileges/as_user.h"
#include "app/version.h"
#include "engine/snapshots.h"

namespace posthouse::app::backup {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSmallFile = 1 << 20;      // such are flushed together, larger ones by themselves
constexpr uint64_t kSpareRoom = 16ull << 20;  // for the catalog, and what else the disk is used for

// Where it is now, and what it will be in the catalog.
struct Source {
  std::string from;
  File file;
};

Result<Source> source(Part part, std::string from, std::string path) {
  struct stat info{};
  if (::stat(from.c_str(), &info) != 0)
    return fail(FaultKind::io, fmt::format("{}: {}", from, std::strerror(errno)));
  File file;
  file.part = part;
  file.path = std::move(path);
  file.size = static_cast<uint64_t>(info.st_size);
  file.modified = int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
  file.mode = info.st_mode & 07777;
  return Source{std::move(from), std::move(file)};
}

Result<void> add_folder(Part part, const std::string& folder, const std::string& prefix,
                        std::vector<Source>& out) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file() || name == "LOCK" || name == "IDENTITY") continue;
    auto made = source(part, entry.path().string(), prefix + name);
    if (!made) return std::unexpected(made.error());
    out.push_back(std::move(*made));
  }
  if (!error || error == std::errc::no_such_file_or_directory) return {};
  return fail(FaultKind::io, fmt::format("{}: {}", folder, error.message()));
}

// What is named and can't be read is told, and the backup goes on: letters are worth more.
void add_outside(const std::string& path, std::vector<Source>& out, std::vector<std::string>& warnings) {
  if (path.empty()) return;
  for (const Source& there : out) {
    if (there.from == path) return;
  }
  auto made = source(Part::outside, path, path);
  if (made) {
    out.push_back(std::move(*made));
  } else {
    warnings.push_back(made.error().what + " (not in the backup)");
  }
}

// Keys before the store: few bytes that nothing else can replace.
Result<std::vector<Source>> sources(const Loaded& loaded, const std::string& snapshot,
                                    std::vector<std::string>& warnings) {
  std::vector<Source> out;
  const Config& config = loaded.config;
  std::error_code error;
  auto file = source(Part::config, loaded.file, fs::absolute(loaded.file, error).string());
  if (!file) return std::unexpected(file.error());
  out.push_back(std::move(*file));
  for (const char* folder : {"keys", "tls"}) {
    const std::string path = fmt::format("{}/{}", config.server.data_directory, folder);
    if (auto added = add_folder(Part::data, path, fmt::format("{}/", folder), out); !added)
      return std::unexpected(added.error());
  }
  for (const CertificateFiles& pair : config.tls.certificates) {
    add_outside(pair.chain, out, warnings);
    add_outside(pair.key, out, warnings);
  }
  add_outside(config.tls.ca_file, out, warnings);
  add_outside(config.smarthost.password_file, out, warnings);
  add_outside(config.oauth.client_secret_file, out, warnings);
  if (auto added = add_folder(Part::store, snapshot, "", out); !added) return std::unexpected(added.error());
  return out;
}

// By the server, or by whom the store belongs to, so that no file there comes to belong to root.
// `unseen`: a line for each account whose files could not be looked at. Of a process of its own they don't
// come back: then they are in the log.
Result<void> take_snapshot(const Config& config, const std::string& name, bool& running,
                           std::vector<std::string>& unseen) {
  auto take = [&]() -> Result<void> {
    auto admin = control::connect_admin(config);
    if (!admin) return std::unexpected(admin.error());
    boost::json::object arguments;
    arguments["name"] = name;
    auto answer = (*admin)->call("backup.snapshot", std::move(arguments), nullptr);
    if (!answer) return std::unexpected(answer.error());
    const auto* told = answer->is_object() ? answer->get_object().if_contains("unseen") : nullptr;
    if (told == nullptr || !told->is_array()) return {};
    for (const boost::json::value& one : told->get_array()) {
      if (one.is_string())
        unseen.push_back(std::string(one.get_string()) +
                         " (letters there that are not known yet are not in the backup)");
    }
    return {};
  };
  running = control::connect_remote(config).has_value();
  if (running) return take();
  auto user = owner_of_data(config);
  if (!user) return std::unexpected(user.error());
  return *user ? as_user(**user, take) : take();
}

// Files of the store never change but for those that were mended in place, which shows in their times.
class BackedUp {
 public:
  explicit BackedUp(const Repository& repository) : repository_(repository) {
    if (auto latest = repository.find("")) {
      for (File& file : latest->files) {
        if (file.part == Part::store) files_.emplace(file.path, std::move(file));
      }
    }
  }
  bool fill(File& file) const {
    if (file.part != Part::store || (!file.path.ends_with(".sst") && !file.path.ends_with(".blob")))
      return false;
    const auto found = files_.find(file.path);
    if (found == files_.end() || found->second.size != file.size || found->second.modified != file.modified)
      return false;
    if (!repository_.has(found->second)) return false;
    file.sha256 = found->second.sha256;
    return true;
  }

 private:
  const Repository& repository_;
  std::map<std::string, File> files_;
};

Result<void> check_room(const Repository& repository, uint64_t wanted) {
  auto room = repository.free_space();
  if (!room) return std::unexpected(room.error());
  if (*room >= wanted + kSpareRoom) return {};
  return fail(
      FaultKind::no_space,
      fmt::format("{}: the disk has {} left and this backup needs {}; those that are there are whole",
                  repository.directory(), size_for_people(*room), size_for_people(wanted + kSpareRoom)));
}

Result<void> copy_all(Repository& repository, std::vector<Source>& all, const Options& options,
                      Catalog& catalog) {
  const BackedUp known(repository);
  std::vector<Source*> fresh;
  uint64_t wanted = 0;
  for (Source& one : all) {
    if (known.fill(one.file)) continue;
    fresh.push_back(&one);
    wanted += one.file.size;
  }
  if (auto room = check_room(repository, wanted); !room) return room;
  Rate rate(options.rate);
  uint64_t done = 0;
  const auto took = [&](uint64_t bytes) {
    done += bytes;
    if (options.progress) options.progress(std::min(done, wanted), wanted);
    rate.spend(bytes);
  };
  Intake intake(repository);
  Result<void> state;
  for (Source* one : fresh) {
    if (!state) break;
    if (one->file.size < kSmallFile) {
      state = intake.add_copy(one->from, one->file, took);
    } else if (auto taken = repository.take(one->from, one->file, took); !taken) {
      state = std::unexpected(taken.error());
    } else if (*taken) {
      catalog.copied += one->file.size;
    }
  }
  if (state) state = intake.flush();
  if (!state && state.error().kind == FaultKind::no_space)
    return fail(FaultKind::no_space, state.error().what + "; the backups that are there are whole");
  if (!state) return state;
  catalog.copied += intake.copied();
  for (Source& one : all) catalog.files.push_back(std::move(one.file));
  return {};
}

// First of all, as nobody keeps others from changing these files.
Result<void> take_letters(const Loaded& loaded, const std::string& snapshot, Repository& repository,
                          const Options& options, Catalog& catalog, std::set<std::string>& names,
                          std::vector<std::string>& warnings) {
  auto opened = Opened::open_snapshot(snapshot, loaded.config);
  if (!opened) return std::unexpected(opened.error());
  auto owner = owner_of_data(loaded.config);
  if (!owner) return std::unexpected(owner.error());
  Rate rate(options.rate);
  auto taken = take_file_letters((*opened)->core(), repository, *owner, rate, options.progress, warnings);
  if (!taken) return std::unexpected(taken.error());
  catalog.file_letters = taken->letters;
  catalog.file_bytes = taken->bytes;
  catalog.file_gone = taken->gone;
  catalog.file_unread = taken->unread;
  catalog.copied += taken->copied;
  catalog.files = std::move(taken->lists);
  names = std::move(taken->names);
  return {};
}

Result<void> count(const Repository& repository, const Config& config, const Options& options,
                   Catalog& catalog, std::vector<std::string>& warnings) {
  auto opened = Opened::open_index(repository, catalog, config);
  if (!opened) return std::unexpected(opened.error());
  auto counts = (*opened)->count();
  if (!counts) return std::unexpected(counts.error());
  catalog.accounts = counts->accounts;
  catalog.mailboxes = counts->mailboxes;
  catalog.messages = counts->messages;
  catalog.bytes = counts->bytes;
  catalog.queued = counts->queued;
  Rate rate(options.rate);
  const auto latest = repository.find("");
  look_at_bodies(**opened, latest ? &*latest : nullptr, catalog, rate, options.progress, warnings);
  return {};
}

// What is in a list, as files; a pack comes with each of its letters. Whether the list itself is damaged
// shows elsewhere.
void each_letter(const Repository& repository, const File& list,
                 const std::function<void(const File&)>& see) {
  auto letters = repository.letters(list);
  if (!letters) return;
  const std::string* last = nullptr;
  for (const ListedLetter& letter : *letters) {
    if (letter.sha256.empty() || (last != nullptr && *last == letter.pool_name())) continue;
    last = &letter.pool_name();
    File file;
    file.part = Part::letters;
    file.path = letter.pack ? fmt::format("letters of {}", list.path)
                            : fmt::format("the letter with UID {} of {}", letter.uid, list.path);
    file.size = letter.pool_size();
    file.sha256 = letter.pool_name();
    see(file);
  }
}

std::set<std::string> backups_with(const Repository& repository, const std::vector<Catalog>& catalogs,
                                   const std::string& sha256) {
  std::set<std::string> out;
  for (const Catalog& catalog : catalogs) {
    const auto see = [&](const File& file) {
      if (file.sha256 == sha256) out.insert(catalog.id);
    };
    for (const File& file : catalog.files) {
      see(file);
      if (file.part == Part::letters) each_letter(repository, file, see);
    }
  }
  return out;
}

}  // namespace

std::string size_for_people(uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto amount = static_cast<double>(bytes);
  size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < std::size(kUnits); ++unit) amount /= 1024;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

namespace {

// What takes the store with it takes its backups with it there, and in such a folder nothing can be restored.
bool is_within_data(const Repository& repository, const Config& config) {
  std::error_code error;
  const auto data = std::filesystem::weakly_canonical(config.server.data_directory, error);
  const auto ours = std::filesystem::weakly_canonical(repository.directory(), error);
  return std::mismatch(data.begin(), data.end(), ours.begin(), ours.end()).first == data.end();
}

void add_lost(const Catalog& catalog, std::vector<std::string>& out) {
  for (const LostLetter& letter : catalog.lost)
    out.push_back(fmt::format("{}: its body was lost before backup {} was made", letter.line(), catalog.id));
  if (catalog.lost_more != 0)
    out.push_back(fmt::format("and {} letters more of backup {}", catalog.lost_more, catalog.id));
}

}  // namespace

Result<Catalog> make_backup(const Loaded& loaded, const Options& options,
                            std::vector<std::string>& warnings) {
  auto repository = Repository::open_to_write(options.directory);
  if (!repository) return std::unexpected(repository.error());
  if (is_within_data(*repository, loaded.config)) {
    warnings.push_back(
        fmt::format("{} is within the data directory: what happens to that happens to the backups, and "
                    "nothing is restored into a folder that holds them; keep them elsewhere",
                    options.directory));
  }
  Catalog catalog;
  catalog.id = repository->new_id();
  catalog.version = kVersion;
  catalog.hostname = effective_hostname(loaded.config);
  const std::string name = fmt::format("{}-{}", catalog.id, ::getpid());
  std::vector<std::string> unseen;
  if (auto taken = take_snapshot(loaded.config, name, catalog.running, unseen); !taken)
    return std::unexpected(taken.error());
  catalog.unseen = unseen.size();
  std::ranges::move(unseen, std::back_inserter(warnings));
  auto snapshot = engine::HeldSnapshot::hold(store_directory(loaded.config), name);
  if (!snapshot) return std::unexpected(snapshot.error());
  catalog.damage_seen = damage_of(store_directory(loaded.config));
  auto all = sources(loaded, snapshot->folder(), warnings);
  if (!all) return std::unexpected(all.error());
  std::set<std::string> names;  // that lists name
  auto letters = take_letters(loaded, snapshot->folder(), *repository, options, catalog, names, warnings);
  if (!letters && letters.error().kind == FaultKind::no_space)
    return fail(FaultKind::no_space, letters.error().what + "; the backups that are there are whole");
  if (!letters) return std::unexpected(letters.error());
  if (auto copied = copy_all(*repository, *all, options, catalog); !copied)
    return std::unexpected(copied.error());
  if (auto counted = count(*repository, loaded.config, options, catalog, warnings); !counted)
    return std::unexpected(counted.error());
  if (auto added = repository->add(catalog); !added) return std::unexpected(added.error());
  if (auto pruned = repository->prune(options.keep, names); !pruned)
    warnings.push_back("older backups were not removed: " + pruned.error().what);
  return catalog;
}

Result<Verified> verify(const std::string& directory, const std::string& id, const Options& options) {
  auto repository = Repository::open(directory);
  if (!repository) return std::unexpected(repository.error());
  Verified out;
  std::vector<std::string>& problems = out.damaged;
  std::vector<Catalog> catalogs;
  if (id.empty()) {
    catalogs = repository->list(problems, &out.newer);
    out.lists = !problems.empty();
    if (catalogs.empty() && problems.empty() && out.newer.empty())
      return std::unexpected(repository->find("").error());
  } else {
    auto one = repository->find(id);
    if (!one) return std::unexpected(one.error());
    catalogs.push_back(std::move(*one));
  }
  std::map<std::string, File> files;  // by hash
  uint64_t total = 0;
  const auto add = [&](const File& file) {
    const bool fresh = files.emplace(file.sha256, file).second;
    if (fresh) total += file.size;
    return fresh;
  };
  for (const Catalog& catalog : catalogs) {
    for (const File& file : catalog.files) {
      if (add(file) && file.part == Part::letters) each_letter(*repository, file, add);
    }
  }
  Rate rate(options.rate);
  uint64_t done = 0;
  std::map<std::string, std::string> damaged;  // by hash: what is wrong
  for (const auto& [sha256, file] : files) {
    auto hash = hash_file(repository->file(file), [&](uint64_t bytes) {
      done += bytes;
      if (options.progress) options.progress(std::min(done, total), total);
      rate.spend(bytes);
    });
    if (!hash || *hash != sha256)
      damaged.emplace(sha256, hash ? "its contents have changed" : hash.error().what);
  }
  for (const auto& [sha256, what] : damaged) {
    const File& file = files.at(sha256);
    problems.push_back(fmt::format("{} ({}): {}; belongs to {}", repository->file(file), file.path, what,
                                   fmt::join(backups_with(*repository, catalogs, sha256), ", ")));
  }
  for (const Catalog& catalog : catalogs) add_lost(catalog, out.lost);
  if (damaged.empty()) return out;
  out.files = true;
  std::set<std::string> hashes;
  for (const auto& [sha256, what] : damaged) hashes.insert(sha256);
  for (std::string& line : damaged_letters(*repository, catalogs, hashes))
    problems.push_back(std::move(line));
  return out;
}

}  // namespace posthouse::app::backup
