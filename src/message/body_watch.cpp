#include "message/body_watch.h"

#include "base/ascii.h"
#include "message/body_lists.h"

namespace posthouse::message {

void BodyWatch::begin(Part& part, const PartPlace& place) {
  part_ = &part;
  lost_ = false;
  held_.clear();
  size_.reset();
  preview_.reset();
  const TransferEncoding encoding = transfer_encoding(part.encoding);
  if (encoding == TransferEncoding::base64 || encoding == TransferEncoding::quoted_printable)
    size_.emplace(encoding);
  if (!settled_ && wants_preview(part, place)) {
    preview_.emplace(part);
    is_html_ = iequals(part.subtype, "html");
    // HTML may have an alternative that comes later.
    may_settle_ = !is_html_ || !place.in_alternative;
  }
  see_what_is_wanted();
}

void BodyWatch::see_what_is_wanted() {
  active_ = size_ || preview_;
  counts_lines_ = size_ && !preview_ && size_->encoding() == TransferEncoding::base64;
}

// Text that is shown, and preferred to what there is already.
bool BodyWatch::wants_preview(const Part& part, const PartPlace& place) {
  if (place.embedded || !iequals(part.type, "text")) return false;
  const bool html = iequals(part.subtype, "html");
  if ((!html && !iequals(part.subtype, "plain")) || (html && !html_.text.empty())) return false;
  return place.parent == nullptr ? is_shown(part) : is_shown(part, *place.parent);
}

void BodyWatch::feed(std::string_view bytes) {
  if (!active_ || bytes.empty()) return;
  if (counts_lines_) return size_->feed(bytes);  // line ends don't count
  if (held_ == "\r" && bytes[0] == '\n') {
    held_ += '\n';
    bytes.remove_prefix(1);
    if (bytes.empty()) return;
  }
  if (!held_.empty()) {
    take(held_);
    held_.clear();
  }
  const size_t end = bytes.ends_with("\r\n") ? 2 : bytes.ends_with('\n') || bytes.ends_with('\r') ? 1 : 0;
  held_ = bytes.substr(bytes.size() - end);
  take(bytes.substr(0, bytes.size() - end));
}

void BodyWatch::take(std::string_view bytes) {
  if (size_) size_->feed(bytes);
  if (!preview_) return;
  preview_->feed(bytes);
  if (preview_->wants_more()) return;
  end_preview();
  see_what_is_wanted();
}

void BodyWatch::end_preview() {
  Found& found = is_html_ ? html_ : plain_;
  found.text = preview_->finish();
  found.part = part_->header_begin;
  if (!found.text.empty()) settled_ |= may_settle_;
  preview_.reset();
}

void BodyWatch::end(bool without_line_end) {
  if (part_ == nullptr) return;
  if (active_ && !without_line_end) take(held_);
  if (size_ && !lost_) part_->decoded_size = size_->finish();
  if (preview_) end_preview();
  size_.reset();
  see_what_is_wanted();
  part_ = nullptr;
}

std::string BodyWatch::preview(const Part& root) {
  if (html_.text.empty() || plain_.text.empty())
    return std::move(plain_.text.empty() ? html_.text : plain_.text);
  for (const Part* part : body_lists(root).text) {
    if (part->header_begin == plain_.part) break;
    if (part->header_begin == html_.part) return std::move(html_.text);
  }
  return std::move(plain_.text);
}

}  // namespace posthouse::message
