// All letters of an account with what lists of them are made by, in memory.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "catalog/catalog.h"
#include "catalog/types.h"

namespace posthouse::catalog {

// A letter in a mailbox; one that is in several has a row for each.
struct SheetRow {
  ThreadId thread = 0;
  EmailId email = 0;
  int64_t received = 0;  // internal date, milliseconds since 1970
  uint32_t size = 0;     // octets; 2^32 - 1: that or more
  MailboxId mailbox = 0;
  Uid uid = 0;
  uint8_t flags = 0;  // bits of store::Flag
};

// As it was at a position. Never changes.
class Sheet {
 public:
  Sheet(Position position, std::vector<SheetRow> rows) : position_(position), rows_(std::move(rows)) {}

  const Position& position() const { return position_; }
  // By conversation, letter and place.
  const std::vector<SheetRow>& rows() const { return rows_; }

  // RFC 8621 section 2. Drafts are never unread. A conversation is unread where any of its letters is, but
  // unread letters in the Trash alone count there only.
  struct Counts {
    uint32_t emails = 0, unread_emails = 0, threads = 0, unread_threads = 0;
    bool operator==(const Counts&) const = default;
  };
  std::map<MailboxId, Counts> counts(MailboxId trash) const;

  // Each letter once, by its rows, which follow each other.
  struct Letter {
    uint32_t first_row = 0, rows = 0;
    uint32_t thread = 0;  // counts conversations from 0
  };
  std::span<const SheetRow> rows(const Letter& letter) const {
    return std::span<const SheetRow>(rows_).subspan(letter.first_row, letter.rows);
  }
  std::span<const SheetRow> thread(ThreadId thread) const;
  // By the date of receiving and the id, rising. Made when it is first asked for. Thread-safe.
  const std::vector<Letter>& letters() const;

  // The order counts, too, whether it is made or not.
  size_t memory() const { return sizeof(Sheet) + rows_.capacity() * (sizeof(SheetRow) + sizeof(Letter)); }

 private:
  Position position_;
  std::vector<SheetRow> rows_;
  mutable std::once_flag ordered_;
  mutable std::vector<Letter> letters_;
};

// Sheets of the accounts that were asked for last. Thread-safe; tasks come back on their caller's executor.
class Sheets {
 public:
  // `memory`: octets that all may take; the one asked for last stays in any case.
  Sheets(Catalog& catalog, store::MailStore& store, uint64_t memory)
      : catalog_(catalog), store_(store), memory_(memory) {}

  // As it is now: the catalog is brought up to date first.
  Task<Result<std::shared_ptr<const Sheet>>> of(AccountId account);

 private:
  using Rows = std::vector<SheetRow>;

  Task<Result<Rows>> all_rows(AccountId account);
  // What became of these letters: their rows now.
  Task<Result<Rows>> rows_of(AccountId account, std::vector<EmailId> ids);
  // The rows of `from` with what happened since; nothing when that can't be said, or is too much.
  Task<Result<std::optional<Rows>>> rows_since(AccountId account, std::shared_ptr<const Sheet> from);
  Task<Result<void>> add_rows(AccountId account, MailboxId mailbox, std::vector<SheetRow> wanted, Rows& rows);

  std::shared_ptr<const Sheet> find(AccountId account);
  void keep(AccountId account, const std::shared_ptr<const Sheet>& sheet);

  Catalog& catalog_;
  store::MailStore& store_;
  const uint64_t memory_;
  std::mutex mutex_;
  uint64_t used_ = 0;   // octets
  uint64_t clock_ = 0;  // counts uses
  struct Kept {
    std::shared_ptr<const Sheet> sheet;
    uint64_t when = 0;
  };
  std::map<AccountId, Kept> kept_;
};

}  // namespace posthouse::catalog
