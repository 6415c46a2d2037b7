#include "app/backup/catalog.h"

#include <boost/json.hpp>

#include "app/backup/hashing.h"

namespace posthouse::app::backup {
namespace {

namespace json = boost::json;

constexpr uint64_t kFormat = 3;
constexpr std::string_view kSum = "sha256 ";
constexpr std::string_view kParts[] = {"store", "data", "config", "outside", "letters"};

json::object describe(const File& file) {
  json::object out;
  out["part"] = kParts[static_cast<size_t>(file.part)];
  out["path"] = file.path;
  out["size"] = file.size;
  out["modified"] = file.modified;
  out["mode"] = file.mode;
  out["sha256"] = file.sha256;
  return out;
}

// Throws what boost.json throws for what is not there.
File file_of(const json::object& from) {
  File out;
  const std::string_view part = from.at("part").as_string();
  const auto* known = std::find(std::begin(kParts), std::end(kParts), part);
  if (known == std::end(kParts)) throw std::invalid_argument("part");
  out.part = static_cast<Part>(known - std::begin(kParts));
  out.path = std::string(from.at("path").as_string());
  out.size = from.at("size").to_number<uint64_t>();
  out.modified = from.at("modified").to_number<int64_t>();
  out.mode = from.at("mode").to_number<uint32_t>();
  out.sha256 = std::string(from.at("sha256").as_string());
  if (!is_sha256(out.sha256)) throw std::invalid_argument("sha256");
  // They become paths below a folder.
  const bool inside = out.part != Part::config && out.part != Part::outside;
  const bool strange =
      out.path.empty() || out.path.front() == '/' || out.path.find("..") != std::string::npos;
  if (inside && strange) throw std::invalid_argument("path");
  return out;
}

json::object describe(const LostLetter& letter) {
  json::object out;
  out["account"] = letter.account;
  out["mailbox"] = letter.mailbox;
  out["uid"] = letter.uid;
  out["body"] = letter.blob;
  out["words"] = letter.words;
  return out;
}

LostLetter lost_of(const json::object& from) {
  LostLetter out;
  out.account = std::string(from.at("account").as_string());
  out.mailbox = std::string(from.at("mailbox").as_string());
  out.uid = from.at("uid").to_number<uint32_t>();
  out.blob = from.at("body").to_number<uint64_t>();
  out.words = std::string(from.at("words").as_string());
  return out;
}

// Since 2026-11; earlier backups did not look.
void read_bodies(const json::object& from, Catalog& out) {
  if (const auto* to = from.if_contains("bodies_to")) out.bodies_to = to->to_number<uint64_t>();
  if (const auto* more = from.if_contains("lost_more")) out.lost_more = more->to_number<uint64_t>();
  if (const auto* lost = from.if_contains("lost")) {
    for (const auto& letter : lost->as_array()) out.lost.push_back(lost_of(letter.as_object()));
  }
  if (const auto* seen = from.if_contains("damage_seen")) {
    for (const auto& name : seen->as_array()) out.damage_seen.emplace_back(name.as_string());
  }
}

Catalog catalog_of(const json::object& from) {
  Catalog out;
  out.id = std::string(from.at("id").as_string());
  out.version = std::string(from.at("version").as_string());
  out.hostname = std::string(from.at("hostname").as_string());
  out.running = from.at("running").as_bool();
  for (const auto& [name, to] : {std::pair("accounts", &out.accounts), std::pair("mailboxes", &out.mailboxes),
                                 std::pair("messages", &out.messages), std::pair("bytes", &out.bytes),
                                 std::pair("queued", &out.queued), std::pair("copied", &out.copied)}) {
    *to = from.at(name).to_number<uint64_t>();
  }
  // Since format 2.
  for (const auto& [name, to] :
       {std::pair("file_letters", &out.file_letters), std::pair("file_bytes", &out.file_bytes),
        std::pair("file_gone", &out.file_gone), std::pair("file_unread", &out.file_unread),
        std::pair("accounts_unseen", &out.unseen)}) {
    if (const auto* value = from.if_contains(name)) *to = value->to_number<uint64_t>();
  }
  read_bodies(from, out);
  for (const auto& file : from.at("files").as_array()) out.files.push_back(file_of(file.as_object()));
  return out;
}

// The text without its last line, if that is the right checksum.
Result<std::string_view> checked(std::string_view text, const std::string& name) {
  const size_t at = text.rfind(kSum);
  const bool whole = at != std::string_view::npos && at > 0 && text[at - 1] == '\n' && text.back() == '\n';
  if (whole &&
      sha256(text.substr(0, at)) == text.substr(at + kSum.size(), text.size() - at - kSum.size() - 1))
    return text.substr(0, at);
  return fail(FaultKind::corrupt, fmt::format("{}: the list of this backup's files is damaged: use another "
                                              "backup (`posthouse backup list`)",
                                              name));
}

}  // namespace

uint64_t Catalog::total() const {
  uint64_t sum = 0;
  for (const File& file : files) sum += file.size;
  return sum;
}

std::string LostLetter::line() const {
  return fmt::format("{}, {}, UID {}{}", account, mailbox, uid, words);
}

std::string encode(const Catalog& catalog) {
  json::object out;
  out["format"] = kFormat;
  out["id"] = catalog.id;
  out["version"] = catalog.version;
  out["hostname"] = catalog.hostname;
  out["running"] = catalog.running;
  out["accounts"] = catalog.accounts;
  out["mailboxes"] = catalog.mailboxes;
  out["messages"] = catalog.messages;
  out["bytes"] = catalog.bytes;
  out["queued"] = catalog.queued;
  out["copied"] = catalog.copied;
  out["file_letters"] = catalog.file_letters;
  out["file_bytes"] = catalog.file_bytes;
  out["file_gone"] = catalog.file_gone;
  out["file_unread"] = catalog.file_unread;
  out["accounts_unseen"] = catalog.unseen;
  out["bodies_to"] = catalog.bodies_to;
  json::array lost;
  for (const LostLetter& letter : catalog.lost) lost.push_back(describe(letter));
  out["lost"] = std::move(lost);
  out["lost_more"] = catalog.lost_more;
  out["damage_seen"] = json::array(catalog.damage_seen.begin(), catalog.damage_seen.end());
  json::array files;
  for (const File& file : catalog.files) files.push_back(describe(file));
  out["files"] = std::move(files);
  const std::string text = json::serialize(out) + "\n";
  return fmt::format("{}{}{}\n", text, kSum, sha256(text));
}

Result<Catalog> decode(std::string_view text, const std::string& name, bool* newer) {
  auto inside = checked(text, name);
  if (!inside) return std::unexpected(inside.error());
  try {
    const json::value value = json::parse(*inside);
    const json::object& object = value.as_object();
    if (object.at("format").to_number<uint64_t>() > kFormat) {
      if (newer != nullptr) *newer = true;
      return fail(FaultKind::corrupt,
                  fmt::format("{}: made by posthouse {}, which is newer than this one: use that program",
                              name, std::string_view(object.at("version").as_string())));
    }
    return catalog_of(object);
  } catch (const std::exception& error) {
    return fail(FaultKind::corrupt, fmt::format("{}: not a list of files: {}", name, error.what()));
  }
}

}  // namespace posthouse::app::backup
