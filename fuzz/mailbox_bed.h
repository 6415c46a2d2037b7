// A small mailbox for the targets of the access protocols: account 1, alice, whose every password is right.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "access/imap/session.h"
#include "base/random.h"
#include "engine/memory_engine.h"
#include "message/summary.h"
#include "session_bed.h"
#include "store/mail_store.h"
#include "wire/sasl/server.h"

namespace posthouse::fuzz {

class Alice : public wire::sasl::Authenticator {
 public:
  Task<Result<wire::sasl::Identity>> verify_password(std::string name, Secret, IpAddress,
                                                     std::string) override {
    if (name != "alice") co_return fail(FaultKind::policy, "none");
    co_return wire::sasl::Identity{1, "alice@example.test"};
  }
  Task<Result<wire::sasl::ScramCredential>> scram_credential(std::string, IpAddress, std::string) override {
    co_return fail(FaultKind::policy, "none");
  }
  Task<bool> report(std::string, IpAddress, std::optional<wire::sasl::Identity>) override { co_return true; }
};

// Account 2 shares its INBOX with alice.
class Neighbours : public access::imap::People {
 public:
  Task<Result<Person>> person(uint64_t account) override {
    if (account == 1) co_return Person{1, "alice@example.test"};
    if (account == 2) co_return Person{2, "bob@example.test"};
    co_return fail(FaultKind::not_found, "none");
  }
  Task<Result<Person>> person_at(std::string address) override {
    return person(address == "bob@example.test" ? 2 : address == "alice@example.test" ? 1 : 0);
  }
};

struct MailboxBed {
  std::unique_ptr<engine::Engine> engine = engine::make_memory_engine();
  IdSource ids{system_clock(), system_random()};
  store::MailStore store{*engine, system_clock(), system_random()};
  Alice alice;
  Neighbours neighbours;
};

// These are alice's INBOX.
inline Task<void> furnish(MailboxBed& bed, std::span<const std::string_view> letters) {
  Result<void> made = co_await bed.store.create_account(1);
  check(made.has_value());
  for (const std::string_view text : letters) {
    engine::BlobWriter writer(*bed.engine, bed.ids.next());
    Result<void> written = co_await writer.append(text);
    check(written.has_value());
    store::NewMessage message;
    message.blob = writer.id();
    message.size = text.size();
    message.summary = message::encode(message::summarize(text));
    std::string inbox = "INBOX";
    Result<store::Placed> placed =
        co_await bed.store.append(1, std::move(inbox), writer, std::move(message), store::Quota());
    check(placed.has_value());
  }
  made = co_await bed.store.create_account(2);
  check(made.has_value());
  Result<store::MailboxInfo> theirs = co_await bed.store.mailbox(2, 1);
  check(theirs.has_value());
  made =
      co_await bed.store.change_rights(2, theirs->id, 1, false, store::RightsChange::set, store::kAllRights);
  check(made.has_value());
}

}  // namespace posthouse::fuzz
