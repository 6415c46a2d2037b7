// The XML of office documents in pieces of any size gives the same text, which is no longer than the XML. The
// first byte chooses the size of the pieces.
#include <algorithm>
#include <cstdlib>

#include "message/document.h"
#include "message/html_text.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

template <class Reader>
std::string read(std::string_view text, size_t piece) {
  Reader reader;
  std::string out;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
    reader.feed(text.substr(0, piece), out);
  if constexpr (requires { reader.finish(out); }) reader.finish(out);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t piece = data[0] + size_t{1};
  const std::string office = read<posthouse::message::OfficeText>(text, text.size() + 1);
  require(office == read<posthouse::message::OfficeText>(text, piece));
  require(office.size() <= text.size());
  // What is in tags is read by the same rules in HTML.
  const std::string html = read<posthouse::message::HtmlText>(text, text.size() + 1);
  require(html == read<posthouse::message::HtmlText>(text, piece));
  return 0;
}
