// Where letters of an account are written to.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/control/admin.h"
#include "app/moving/export_note.h"
#include "store/types.h"

namespace posthouse::app::moving {

struct Outgoing {
  store::Uid uid = 0;
  uint64_t delivery = 0;
  uint64_t size = 0;
  SystemTime date{};
  store::FlagSet flags;
};

class Target {
 public:
  virtual ~Target() = default;
  // The mailbox that the calls after it are about.
  virtual Result<void> open(const std::string& mailbox, bool subscribed, uint32_t uid_validity) = 0;
  virtual Result<bool> has(const Outgoing& letter) = 0;
  // All or nothing.
  virtual Result<void> put(const Outgoing& letter, const control::LetterPieces& pieces) = 0;
  // Whether the letter that was put last comes back octet for octet.
  virtual bool is_exact() const { return true; }
  // What it is that does not, where it doesn't.
  virtual std::string_view changes() const { return "bare line feeds"; }
  // What was put is on disk.
  virtual Result<void> close() = 0;
};

// `format`: "maildir" (also ""), "mbox" or "eml". Makes the folder. exists: it holds another export, or
// something else.
Result<std::unique_ptr<Target>> open_target(const std::string& directory, const std::string& format,
                                            const std::string& address);

std::unique_ptr<Target> make_maildir_target(const std::string& directory, ExportNoteWriter note);
std::unique_ptr<Target> make_mbox_target(const std::string& directory, ExportNoteWriter note);
std::unique_ptr<Target> make_letter_target(const std::string& directory, ExportNoteWriter note);

}  // namespace posthouse::app::moving
