// The file `.posthouse-export` in the folder of an export. It says what the folder is, so that no mailbox's
// name can make it look like something else, and which mailbox is where, also those whose names are no names
// of files.
//   posthouse-export 1 FORMAT ADDRESS
//   PATH TAB MAILBOX        for each mailbox; PATH within the folder, "." for itself
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "maildir/file.h"

namespace posthouse::app::moving {

// While it is written.
inline constexpr std::string_view kUnfinishedExportNote = ".posthouse-export.new";

struct ExportNote {
  std::string format, address;
  std::map<std::string, std::string, std::less<>> mailboxes;  // PATH -> MAILBOX
};

// Nothing if there is none, or none that this version can read. Lines that can't be read are passed over.
Result<std::optional<ExportNote>> read_export_note(const std::string& directory);

class ExportNoteWriter {
 public:
  // Begins it, or goes on. exists: the folder holds the export of another account or in another format.
  static Result<ExportNoteWriter> open(const std::string& directory, const std::string& format,
                                       const std::string& address);
  // Where the mailbox is, which is noted. `natural`: as its name says; "": no name of files says it. `end`:
  // of the name of the file that it is in, such as ".mbox".
  Result<std::string> place(const std::string& mailbox, const std::string& natural, std::string_view begin,
                            std::string_view end);

 private:
  Result<void> add(const std::string& path, const std::string& mailbox);

  std::string path_;
  ExportNote note_;
  std::map<std::string, std::string, std::less<>> places_;  // MAILBOX -> PATH
  maildir::File file_;
};

}  // namespace posthouse::app::moving
