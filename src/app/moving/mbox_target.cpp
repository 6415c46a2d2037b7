// An mbox file for each mailbox, "A/B.mbox". Letters carry their UIDs (X-UID), so that they are known again.
#include <unordered_set>

#include "app/backup/copying.h"
#include "app/moving/names.h"
#include "app/moving/target.h"
#include "mbox/file.h"

namespace posthouse::app::moving {
namespace {

constexpr std::string_view kEnd = ".mbox";

mbox::Metadata metadata_of(const Outgoing& letter) {
  mbox::Metadata out;
  const auto has = [&](uint8_t bit) { return (letter.flags.system & bit) != 0; };
  out.flags.seen = has(store::kSeen);
  out.flags.old = true;
  out.flags.answered = has(store::kAnswered);
  out.flags.flagged = has(store::kFlagged);
  out.flags.deleted = has(store::kDeleted);
  out.flags.draft = has(store::kDraft);
  for (const std::string& keyword : letter.flags.keywords) {
    if (mbox::is_keyword(keyword)) out.keywords.push_back(keyword);
  }
  out.uid = letter.uid;
  return out;
}

class MboxTarget final : public Target {
 public:
  MboxTarget(std::string directory, ExportNoteWriter note)
      : directory_(std::move(directory)), note_(std::move(note)) {}

  Result<void> open(const std::string& mailbox, bool, uint32_t uid_validity) override {
    held_.reset();
    there_.clear();
    validity_ = uid_validity;
    auto path = note_.place(mailbox, path_of_mailbox(mailbox, kEnd).value_or(""), "", kEnd);
    if (!path) return std::unexpected(path.error());
    const std::string file = directory_ + "/" + *path;
    if (auto made = backup::make_folder(file.substr(0, file.rfind('/')), 0700); !made) return made;
    mbox::FileOptions options;
    options.mode = 0600;
    auto held = mbox::File(file, options).open(mbox::Access::write);
    if (!held) return std::unexpected(held.error());
    held_.emplace(std::move(*held));
    std::optional<mbox::Base> base;
    bool any = false;
    auto scanned = held_->scan([&](mbox::Record&& record) {
      any = true;
      if (record.base) base = record.base;
      if (record.metadata.uid != 0) there_.insert(record.metadata.uid);
    });
    if (!scanned) return std::unexpected(scanned.error());
    empty_ = !any;
    if (any && (!base || base->validity != uid_validity)) {
      return fail(FaultKind::exists,
                  fmt::format("{}: holds letters of another time or place; export to another folder", file));
    }
    return {};
  }

  Result<bool> has(const Outgoing& letter) override { return there_.contains(letter.uid); }

  Result<void> put(const Outgoing& letter, const control::LetterPieces& pieces) override {
    mbox::Letter out;
    out.time = std::chrono::duration_cast<seconds>(letter.date.time_since_epoch()).count();
    out.metadata = metadata_of(letter);
    if (empty_) out.base = mbox::Base{validity_, letter.uid, out.metadata.keywords};
    std::string piece;
    auto appended = held_->append(out, [&]() -> Result<std::string_view> {
      auto next = pieces();
      if (!next) return std::unexpected(next.error());
      piece = std::move(*next);
      return std::string_view(piece);
    });
    if (!appended) return std::unexpected(appended.error());
    exact_ = appended->exact;
    empty_ = false;
    there_.insert(letter.uid);
    return {};
  }

  bool is_exact() const override { return exact_; }
  std::string_view changes() const override {
    return "header fields that an mbox has for itself, such as Status or X-UID, or bare line feeds";
  }
  Result<void> close() override { return held_->commit(); }

 private:
  std::string directory_;
  ExportNoteWriter note_;
  std::optional<mbox::Held> held_;
  std::unordered_set<store::Uid> there_;
  uint32_t validity_ = 0;
  bool empty_ = true;
  bool exact_ = true;
};

}  // namespace

std::unique_ptr<Target> make_mbox_target(const std::string& directory, ExportNoteWriter note) {
  return std::make_unique<MboxTarget>(directory, std::move(note));
}

}  // namespace posthouse::app::moving
