// Header fields and what stands in them: dates, encoded words, MIME fields, transfer encodings.
#include <cstdlib>

#include "message/content_field.h"
#include "message/date.h"
#include "message/encoded_word.h"
#include "message/fold.h"
#include "message/header_forms.h"
#include "message/header_start.h"
#include "message/headers.h"
#include "message/limits.h"
#include "message/thread.h"
#include "message/transfer.h"
#include "message/unicode_text.h"

namespace {

using namespace posthouse::message;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_block(std::string_view block) {
  HeaderReader reader(block);
  HeaderField field;
  size_t at = 0;
  while (reader.next(field)) {
    require(field.begin >= at && field.end > field.begin && !field.name.empty());
    at = field.end;
  }
  require(reader.body_begin() >= at && reader.body_begin() <= block.size());
  select_fields(block, {"a", "subject"}, true);
}

void check_value(std::string_view value) {
  const std::string text = decode_words(value);
  require(is_utf8(text) && text.find_first_of("\r\n") == std::string::npos);
  require(decode_words(force_encoded_words(text)) == text);
  if (const auto date = parse_date(value)) {
    const auto again = parse_date(format_date(date->time, date->offset_minutes));
    require(again.has_value() && again->offset_minutes == date->offset_minutes);
  }
  parse_internal_date(value);
  parse_search_date(value);
  const ContentField field = parse_content_field(value);
  require(field.parameters.size() <= limits::kParameters);
  require(is_utf8(parameter_text(field.parameters, "name")));
  parse_languages(value);
  fold_case(value);
  casemap(value);
}

void check_forms(std::string_view value) {
  require(is_utf8(raw_form(value)) && is_utf8(text_form(value)));
  size_t members = 0;
  for (const auto& group : grouped_addresses_form(value)) {
    members += group.addresses.size();
    require(!group.name || is_utf8(*group.name));
  }
  require(members == addresses_form(value).size());
  for (const auto& address : addresses_form(value))
    require(is_utf8(address.email) && is_utf8(address.name.value_or("")));
  for (const auto& id : message_ids_form(value).value_or(std::vector<std::string>()))
    require(is_utf8(id) && !id.empty());
  for (const auto& url : urls_form(value).value_or(std::vector<std::string>()))
    require(is_utf8(url) && !url.empty());
  date_form(value);
}

void check_thread(std::string_view block) {
  const ThreadBase base = thread_base(block);
  require(base.references.size() <= limits::kMessageIds);
  require(is_utf8(base.subject.text));
  require(base_subject(block).text.size() <= 4 * block.size());
}

void check_transfer(std::string_view text) {
  for (auto encoding : {TransferEncoding::base64, TransferEncoding::quoted_printable}) {
    std::string whole, pieces;
    TransferDecoder one(encoding), other(encoding);
    one.feed(text, whole);
    one.finish(whole);
    for (char c : text) other.feed(std::string_view(&c, 1), pieces);
    other.finish(pieces);
    require(whole == pieces && whole.size() <= text.size() + 3);
  }
  std::string lines;
  append_base64_lines(lines, text);
  require(decode_base64(lines) == text);
}

void check_field(std::string_view value) {
  std::string out;
  append_field(out, "Name", value, true);
  require(find_fields(out, "name").size() == 1 && header_size(out) == out.size());
  size_t width = 0;
  for (char c : out) {
    width = c == '\n' ? 0 : width + 1;
    require(width <= limits::kLine + 1);
  }
}

// However a letter is cut: it stays as it is, or an empty line stands before it that ends the trace fields.
void check_start(std::string_view letter) {
  HeaderStart one, other;
  std::string whole = one.feed(letter), pieces;
  whole += one.finish();
  for (char c : letter) pieces += other.feed(std::string_view(&c, 1));
  pieces += other.finish();
  require(whole == pieces && whole.ends_with(letter));
  const size_t added = whole.size() - letter.size();
  require(added == 0 || (added == 2 && whole.starts_with("\r\n")));
  const std::string trace = "Received: by here\r\n";
  const std::string stored = trace + whole;
  if (added == 2) require(header_size(stored) == trace.size() + 2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_block(text);
  check_value(text);
  check_forms(text);
  check_thread(text);
  check_transfer(text);
  check_field(text);
  check_start(text);
  return 0;
}
