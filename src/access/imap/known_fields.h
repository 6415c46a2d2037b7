// HEADER.FIELDS and .NOT of letters, as they were picked for who asked before (RFC 3501 section 6.4.5).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/imap/fetch_plan.h"
#include "access/imap/recall.h"
#include "access/imap/state.h"

namespace posthouse::access::imap {

constexpr store::Uid kFieldsTogether = 128;   // UIDs whose fields are kept together
constexpr size_t kLargestFields = 16 * 1024;  // octets picked of one letter that are still kept

// One list of fields of the letters of one page of UIDs.
struct FieldsPage : Recall::Kept {
  struct Letter {
    store::Uid uid = 0;
    uint32_t at = 0, length = 0;  // in `text`
    uint64_t size = 0;            // RFC822.SIZE
    SystemTime internal_date{};
  };
  std::vector<Letter> letters;  // rising
  std::string text;

  const Letter* find(store::Uid uid) const;
  void add(const Letter& letter, std::string_view fields);  // behind the others
};

// One FETCH's, of the session's view.
class KnownFields {
 public:
  KnownFields(Session& s, const FetchPlan& plan);
  ~KnownFields();
  KnownFields(const KnownFields&) = delete;
  KnownFields& operator=(const KnownFields&) = delete;

  // The only octets that the plan asks for are such fields.
  bool usable() const { return usable_; }
  // What it asks for beside them are flags, UID, date and size.
  bool needs_flags_only() const { return needs_flags_only_; }
  // Of one message what one item of the plan asks for.
  struct Piece {
    std::shared_ptr<const FieldsPage> page;
    const FieldsPage::Letter* letter = nullptr;
    std::string_view fields() const {
      return std::string_view(page->text).substr(letter->at, letter->length);
    }
  };
  // Appends the pieces of the message, one for each item with fields, in order, if all are known; else false.
  bool find(store::Uid uid, std::vector<Piece>& out);
  // Notes what was picked for `part` of the plan.
  void add(size_t part, const store::Entry& entry, std::string_view fields);

 private:
  struct Part {
    size_t index = 0;  // in the plan
    std::string name;
    std::optional<store::Uid> number;  // of the page
    std::shared_ptr<const FieldsPage> page;
    std::vector<std::pair<FieldsPage::Letter, std::string>> fresh;  // to be put into it
  };

  void turn_to(Part& part, store::Uid uid);
  void put_away(Part& part);
  Recall::Key key_of(const Part& part) const;

  Session& s_;
  bool usable_ = false, needs_flags_only_ = false;
  std::vector<Part> parts_;
};

}  // namespace posthouse::access::imap
