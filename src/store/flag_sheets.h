// How sheets of flags (store/flag_sheet.h) are made, brought up to date and remembered.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "store/account_view.h"
#include "store/flag_sheet.h"

namespace posthouse::store {

// Makes a sheet, from nothing or from an older one.
class FlagSheetWriter {
 public:
  explicit FlagSheetWriter(const KeywordTable& table);
  FlagSheetWriter(const FlagSheet& old, const KeywordTable& table);

  // What becomes of a message: its flags now, nothing once it is gone. UIDs rise from call to call.
  // False: there are too many different sets of keywords for a sheet.
  bool put(Uid uid, const FlagRow& row);
  void put(const FlagSheet::Mark& mark);
  void remove(Uid uid);
  // The number of a set of keywords; nullopt: too many.
  std::optional<uint16_t> set_number(const std::vector<uint8_t>& keywords);

  std::shared_ptr<const FlagSheet> finish(uint32_t uid_validity, ModSeq modseq);

 private:
  // Copies the old marks below `uid`, whole pages as they are.
  void catch_up(Uid uid);
  void add(const FlagSheet::Mark& mark);
  void end_page();

  const KeywordTable& table_;
  const FlagSheet* old_ = nullptr;
  FlagSheet::Pages::const_iterator from_page_;  // in the old sheet, with the place in it
  size_t from_ = 0;
  FlagSheet::Page page_;
  FlagSheet out_;
  std::shared_ptr<FlagSheet::Sets> sets_;
  std::map<std::vector<uint8_t>, uint16_t> numbers_;
  size_t name_bytes_ = 0;  // of all sets
};

FlagSheet::Mark mark_of(Uid uid, const FlagRow& row);  // but for its keywords

// Reads a row of each message. nullptr: too many sets of keywords.
Result<std::shared_ptr<const FlagSheet>> read_sheet(const AccountView& view, const MailboxInfo& info);
// `old` brought up to what `view` has; nullptr when it can't be.
Result<std::shared_ptr<const FlagSheet>> refresh(const AccountView& view, const MailboxInfo& info,
                                                 std::shared_ptr<const FlagSheet> old);

}  // namespace posthouse::store
