#include "app/moving/kept_form.h"

#include <utility>

namespace posthouse::app::moving {

void KeptForm::feed(std::string_view bytes, std::string& out) {
  if (maildir_) {
    // A CRLF stays in both directions, a bare LF becomes one.
    line_ends_.convert(bytes, SIZE_MAX, out);
  } else if (mbox_) {
    std::string piece;
    mbox_->encoder.write(bytes, piece);
    if (piece.empty()) return;
    mbox_->decoder.write(std::exchange(mbox_->last, std::move(piece)), out);
  } else {
    out += bytes;
  }
}

void KeptForm::finish(std::string& out) {
  if (!mbox_) return;
  mbox_->encoder.finish(mbox_->last);
  mbox_->record.open = mbox_->encoder.open();
  mbox_->record.end = mbox_->decoder.offset() + mbox_->last.size();
  mbox_->decoder.write(mbox_->last, out);
}

}  // namespace posthouse::app::moving
