#include "app/moving/imap_source.h"

#include "app/limits.h"
#include "app/moving/imap_folders.h"
#include "app/moving/imap_mailbox.h"
#include "app/moving/known_letters.h"
#include "engine/blob.h"
#include "net/loop_thread.h"

namespace posthouse::app::moving {

using namespace wire::imap_client;

namespace {

// RFC 6154 section 2: LIST need not tell special uses unless asked.
std::string list_command(const ImapConnection& connection) {
  const bool extended = connection.has("LIST-EXTENDED") || connection.has("IMAP4REV2");
  const bool uses = connection.has("SPECIAL-USE") || connection.has("IMAP4REV2");
  return extended && uses ? "LIST \"\" \"*\" RETURN (SPECIAL-USE)" : "LIST \"\" \"*\"";
}

class ImapSource : public Source {
 public:
  ImapSource(ImapOptions options, ImapChoice choice)
      : options_(std::move(options)), choice_(std::move(choice)), session_(options_) {}

  ~ImapSource() override {
    // Streams end on their loop.
    const auto end = [](ImapSession& session) -> Task<bool> {
      co_await session.end();
      co_return true;
    };
    loop_.run(end(session_));
  }

  Result<void> open() { return loop_.run(look()); }

  Result<void> read(const SourceMailbox& mailbox, const Reading& reading) override {
    memory_.reset();
    ImapMailbox reader(
        session_, mailbox, reading, [&](uint32_t validity) { return remember(mailbox, validity); },
        choice_.only_new);
    return loop_.run(reader.read());
  }

  void settled(const std::vector<Settled>& letters) override {
    if (!memory_) return;
    if (!memory_->note(letters)) memory_.reset();  // a shortcut less
  }

 private:
  Task<Result<void>> look();
  Task<Result<void>> count(ImapConnection& connection);

  KnownLetters* remember(const SourceMailbox& mailbox, uint32_t validity) {
    if (choice_.known.empty() || validity == 0) return nullptr;
    engine::BlobChecksum name;
    name.feed(fmt::format("{}\n{}\n{}", choice_.address, options_.url.to_string(), mailbox.path));
    auto opened = KnownLetters::open(choice_.known, fmt::format("{:016x}", name.value()), validity);
    if (!opened) return nullptr;
    memory_ = std::move(*opened);
    return &*memory_;
  }

  const ImapOptions options_;
  const ImapChoice choice_;
  net::LoopThread loop_;
  ImapSession session_;
  std::optional<KnownLetters> memory_;
};

Task<Result<void>> ImapSource::look() {
  auto opened = co_await session_.get();
  if (!opened) co_return std::unexpected(opened.error());
  ImapConnection& connection = **opened;
  Namespaces namespaces;
  std::vector<Listed> listed;
  ImapConnection::Each note = [&](Response& response) -> Result<void> {
    if (auto* told = std::get_if<Namespaces>(&response)) namespaces = std::move(*told);
    auto* one = std::get_if<Listed>(&response);
    if (one != nullptr && listed.size() == kImapMailboxes)
      return fail(FaultKind::permanent,
                  fmt::format("the other server lists more than {} mailboxes", kImapMailboxes));
    if (one != nullptr) listed.push_back(std::move(*one));
    return {};
  };
  if (connection.has("NAMESPACE")) {
    auto asked = co_await connection.run("NAMESPACE", note);
    if (!asked) co_return std::unexpected(asked.error());
  }
  std::string command = list_command(connection);
  auto done = co_await connection.run(std::move(command), note);
  if (!done) co_return std::unexpected(done.error());
  if (done->kind != Status::ok) co_return fault_of(*done);
  ImapFolders folders = choose_folders(listed, namespaces, connection.utf8(), choice_.all_mail);
  mailboxes_ = std::move(folders.taken);
  left_out_ = std::move(folders.left_out);
  co_return co_await count(connection);
}

// For the progress that is shown; what can't be counted is not.
Task<Result<void>> ImapSource::count(ImapConnection& connection) {
  for (SourceMailbox& mailbox : mailboxes_) {
    auto name = quoted(mailbox.path);
    if (!name) continue;
    std::string command = fmt::format("STATUS {} (MESSAGES)", *name);
    ImapConnection::Each note = [&](Response& response) -> Result<void> {
      const auto* status = std::get_if<MailboxStatus>(&response);
      if (status != nullptr) mailbox.amount = std::min<uint64_t>(status->messages.value_or(0), kImapLetters);
      return {};
    };
    auto done = co_await connection.run(std::move(command), std::move(note));
    if (!done) co_return std::unexpected(done.error());
  }
  co_return Result<void>();
}

}  // namespace

Result<std::unique_ptr<Source>> open_imap(ImapOptions options, ImapChoice choice) {
  auto out = std::make_unique<ImapSource>(std::move(options), std::move(choice));
  if (auto opened = out->open(); !opened) return std::unexpected(opened.error());
  return out;
}

}  // namespace posthouse::app::moving
