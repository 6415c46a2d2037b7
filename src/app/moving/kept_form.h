// A letter as an account gives it back: files keep some letters in another form. They are sent in that form,
// so that the index has the right size, and are known again by it, so that they don't come again with each
// repeat.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "maildir/line_ends.h"
#include "mbox/text.h"

namespace posthouse::app::moving {

class KeptForm {
 public:
  // `format`: of the account's mailboxes, "database", "maildir" or "mbox".
  explicit KeptForm(std::string_view format) : maildir_(format == "maildir") {
    if (format == "mbox") mbox_.emplace();
  }
  // Appends to `out`.
  void feed(std::string_view bytes, std::string& out);
  void finish(std::string& out);

 private:
  // What mbox::Encoder leaves out, and a bare LF, don't come back.
  struct Mbox {
    mbox::Encoder encoder;
    std::string last;  // held back, for the end is known only then
    mbox::Record record;
    mbox::Decoder decoder{record};
    Mbox() { record.end = UINT64_MAX; }
    Mbox(const Mbox&) = delete;
    Mbox& operator=(const Mbox&) = delete;
  };
  bool maildir_;
  maildir::FromFile line_ends_;
  std::optional<Mbox> mbox_;
};

}  // namespace posthouse::app::moving
