// Flowed text (RFC 3676) in pieces of any size gives the same, grows by no more than its quotes, and loses
// nothing but blanks. The first byte chooses the size of the pieces and DelSp.
#include <algorithm>
#include <cstdlib>

#include "message/flowed_text.h"
#include "message/limits.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

std::string flow(std::string_view text, bool delete_spaces, size_t piece) {
  posthouse::message::FlowedText flowed(delete_spaces);
  std::string out;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
    flowed.feed(text.substr(0, piece), out);
  flowed.finish(out);
  return out;
}

std::string words_of(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c != ' ' && c != '>' && c != '\n' && c != '\r') out += c;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool delete_spaces = (data[0] & 1) != 0;
  const std::string whole = flow(text, delete_spaces, text.size() + 1);
  require(whole == flow(text, delete_spaces, data[0] / 2 + 1));
  require(words_of(whole) == words_of(text));
  // A mark of quoting and a blank may be written for each line, and a line end behind the last.
  const auto lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  require(whole.size() <= text.size() + 2 * lines + 1);
  require(whole.empty() || whole.ends_with('\n'));
  return 0;
}
