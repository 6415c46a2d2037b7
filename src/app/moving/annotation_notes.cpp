#include "app/moving/annotation_notes.h"

#include <fcntl.h>

#include <boost/json.hpp>

#include "app/backup/copying.h"
#include "app/limits.h"
#include "base/ascii.h"
#include "base/base64.h"
#include "maildir/file.h"
#include "store/limits.h"

namespace posthouse::app::moving {
namespace {

namespace json = boost::json;

constexpr const char* kAnnotationsFile = ".posthouse-annotations";
constexpr size_t kLargestAnnotations = 16 << 20;  // an account has 4 MiB of them at most

Result<void> send_annotations(control::Admin& admin, const std::string& address, const std::string& mailbox,
                              json::array entries) {
  json::object arguments;
  arguments["address"] = address;
  arguments["mailbox"] = mailbox;
  arguments["entries"] = std::move(entries);
  auto done = admin.call("restore.annotations", std::move(arguments), nullptr);
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<void> bring_to(control::Admin& admin, const std::string& address, const std::string& mailbox,
                      const std::vector<std::pair<std::string, std::string>>& all) {
  json::array entries;
  size_t bytes = 0;
  for (const auto& [name, value] : all) {
    bytes += name.size() + value.size();
    entries.push_back(json::array{name, base64_encode(value)});
    if (bytes < kLargestRequest / 4) continue;
    if (auto sent = send_annotations(admin, address, mailbox, std::exchange(entries, {})); !sent) return sent;
    bytes = 0;
  }
  return entries.empty() ? Result<void>() : send_annotations(admin, address, mailbox, std::move(entries));
}

}  // namespace

Result<AnnotationNotes> AnnotationNotes::read(const std::string& directory) {
  AnnotationNotes out;
  const maildir::File folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return out;  // a single file
  const auto text = maildir::read_small(folder.fd(), kAnnotationsFile, kLargestAnnotations);
  if (!text) return std::unexpected(text.error());
  if (!*text) return out;
  for (const std::string_view line : split(**text, '\n')) {
    const std::vector<std::string_view> parts = split(line, '\t');
    if (parts.size() != 3 || parts[1].empty() || parts[1].size() > store::kMaxAnnotationName) continue;
    const auto value = base64_decode(parts[2]);
    if (!value || value->size() > store::kMaxAnnotation) continue;
    out.add(std::string(parts[0]), parts[1], *value);
  }
  return out;
}

void AnnotationNotes::add(const std::string& mailbox, std::string_view name, std::string_view value) {
  mailboxes_[mailbox].emplace_back(name, value);
}

Result<void> AnnotationNotes::write(const std::string& directory) const {
  std::string text;
  for (const auto& [mailbox, entries] : mailboxes_) {
    for (const auto& [name, value] : entries)
      text += fmt::format("{}\t{}\t{}\n", mailbox, name, base64_encode(value));
  }
  return text.empty() ? Result<void>()
                      : backup::write_file(fmt::format("{}/{}", directory, kAnnotationsFile), text, 0600);
}

Result<void> AnnotationNotes::bring(control::Admin& admin, const std::string& address,
                                    const std::vector<MovedMailbox>& imported, bool of_account) const {
  for (const MovedMailbox& mailbox : imported) {
    const auto known = mailboxes_.find(mailbox.from);
    if (known == mailboxes_.end()) continue;
    if (auto done = bring_to(admin, address, mailbox.to, known->second); !done) return done;
  }
  const auto own = mailboxes_.find("");
  return own != mailboxes_.end() && of_account ? bring_to(admin, address, "", own->second) : Result<void>();
}

}  // namespace posthouse::app::moving
