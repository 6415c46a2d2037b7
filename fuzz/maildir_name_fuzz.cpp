// Names of message files and of folders: whatever the bytes, a change of marks gives those marks and keeps
// the rest, and a directory has one name at most.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "maildir/folder_name.h"
#include "maildir/limits.h"
#include "maildir/line_ends.h"
#include "maildir/name.h"

namespace {

using namespace posthouse::maildir;

void check(bool holds) {
  if (!holds) std::abort();
}

void check_message_name(std::string_view file) {
  const MarkChange change{{Marks::kSeen, 1}, {Marks::kFlagged, 2}};
  const posthouse::Result<std::string> changed = changed_name(file, change);
  const Name before = parse_name(file);
  if (!changed) return check(file.size() > kMaxFileName - 36);
  const Name after = parse_name(*changed);
  check(after.base == before.base && after.rest == before.rest);
  check(after.marks == change.apply(before.marks));
  check(changed_name(*changed, change).value() == *changed);
}

void check_folder_name(std::string_view text) {
  const std::optional<std::string> name = decode_folder(text);
  if (name) check(encode_folder(*name).value() == text);
  const posthouse::Result<std::string> directory = encode_folder(text);
  if (!directory) return;
  check(directory->find('/') == std::string::npos && directory->find('\0') == std::string::npos);
  check(*directory != "." && *directory != ".." && directory->size() <= kMaxFileName);
  check(decode_folder(*directory) == text);
}

// In any two pieces the same as in one; and a message with CRLF only comes back as it was.
void check_line_ends(std::string_view text) {
  const size_t half = text.size() / 2;
  std::string whole;
  std::string pieces;
  ToFile one;
  ToFile two;
  one.convert(text, whole);
  one.finish(whole);
  two.convert(text.substr(0, half), pieces);
  two.convert(text.substr(half), pieces);
  two.finish(pieces);
  check(whole == pieces);
  std::string message;
  FromFile back;
  check(back.convert(whole, whole.size() * 2, message) == whole.size());
  check(message.size() == one.crlf_size());
  bool bare = false;
  for (size_t i = 0; i < text.size(); ++i)
    bare = bare || (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'));
  check(bare || message == text);
}

// What is shown for a directory that others named may be the name of a mailbox.
void check_raw_name(const std::string& name) {
  check(posthouse::is_utf8(name) && posthouse::raw_name(name).plain);
  check(name.empty() || (name.front() != '/' && name.back() != '/'));
  check(name.find("//") == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_message_name(text);
  check_folder_name(text);
  check_folder_name(std::string(".") + std::string(text));
  (void)raw_folder(text);
  if (text.find('/') == text.npos) check_raw_name(raw_folder_name(text).text);
  check_line_ends(text);
  return 0;
}
