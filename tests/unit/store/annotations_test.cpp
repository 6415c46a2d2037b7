// Annotations in the store: limits, what they follow, and what a repair makes of them.
#include "store/annotations.h"

#include <gmock/gmock.h>

#include "store/limits.h"
#include "store/rows.h"
#include "store_bed.h"

namespace posthouse::store {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr AccountId kAlice = 11;

class AnnotationsTest : public testing::TestWithParam<const char*> {
 protected:
  AnnotationsTest() {
    bed_.must(store_.create_account(kAlice, "", bed_.place(kAlice)));
    inbox_ = bed_.id_of(kAlice, "INBOX");
  }

  void set(MailboxId mailbox, std::string name, std::optional<std::string> value) {
    bed_.must(store_.annotate(kAlice, mailbox, {{std::move(name), std::move(value)}}, std::nullopt));
  }
  std::string get(MailboxId mailbox, const std::string& name) {
    for (const Annotation& one : bed_.must(store_.annotations(kAlice, mailbox))) {
      if (one.name == name) return one.value;
    }
    return "(none)";
  }
  StoreBed bed_{GetParam()};
  MailStore& store_ = bed_.store;
  MailboxId inbox_ = 0;
};

TEST_P(AnnotationsTest, AreCountedAndBounded) {
  const std::string big(kMaxAnnotation, 'x');
  std::vector<AnnotationChange> many;
  for (size_t i = 0; i < kMaxAnnotations; ++i) many.push_back({"/private/n" + std::to_string(i), "v"});
  bed_.must(store_.annotate(kAlice, inbox_, many, std::nullopt));
  EXPECT_EQ(bed_.fault(store_.annotate(kAlice, 0, {{"/private/more", "v"}}, std::nullopt)),
            FaultKind::over_quota);
  // In place of another one there is room, and what is there can be changed.
  bed_.must(
      store_.annotate(kAlice, inbox_, {{"/private/n1", std::nullopt}, {"/private/more", "v"}}, std::nullopt));
  set(inbox_, "/private/more", std::string("w\0z", 3));
  EXPECT_EQ(get(inbox_, "/private/more"), std::string("w\0z", 3));
  for (size_t i = 0; i < kMaxAnnotationBytes / kMaxAnnotation - 1; ++i)
    set(inbox_, "/private/n" + std::to_string(i + 2), big);
  EXPECT_EQ(bed_.fault(store_.annotate(kAlice, inbox_, {{"/private/n900", big}}, std::nullopt)),
            FaultKind::over_quota);
  EXPECT_EQ(get(inbox_, "/private/n900"), "v");
  EXPECT_THAT(bed_.problems({kAlice}), IsEmpty());
}

TEST_P(AnnotationsTest, AllOrNoneAreSet) {
  EXPECT_EQ(bed_.fault(store_.annotate(kAlice, 999, {{"/private/a", "v"}}, std::nullopt)),
            FaultKind::not_found);
  EXPECT_EQ(bed_.fault(store_.annotate(kAlice, inbox_, {{"/private/a", "v"}}, Role::junk)),
            FaultKind::policy);
  EXPECT_EQ(get(inbox_, "/private/a"), "(none)");
}

TEST_P(AnnotationsTest, GoWithTheirMailbox) {
  const MailboxId work = bed_.must(store_.create_mailbox(kAlice, "Work")).id;
  set(work, "/private/a", "1");
  bed_.must(store_.rename_mailbox(kAlice, "Work", "Play"));
  EXPECT_EQ(get(bed_.id_of(kAlice, "Play"), "/private/a"), "1");
  bed_.must(store_.delete_mailbox(kAlice, "Play"));
  EXPECT_EQ(get(work, "/private/a"), "(none)");
  EXPECT_THAT(bed_.problems({kAlice}), IsEmpty());
  set(inbox_, "/private/b", "2");
  bed_.must(store_.rename_mailbox(kAlice, "INBOX", "Old"));
  EXPECT_EQ(get(bed_.id_of(kAlice, "Old"), "/private/b"), "2");
  EXPECT_EQ(get(inbox_, "/private/b"), "2");
  EXPECT_THAT(bed_.problems({kAlice}), IsEmpty());
}

TEST_P(AnnotationsTest, TellWhatChanged) {
  auto names = bed_.must(store_.annotation_names(kAlice, UINT64_MAX));
  ASSERT_TRUE(names.has_value());
  EXPECT_TRUE(names->all.empty());
  EXPECT_FALSE(bed_.must(store_.annotation_names(kAlice, names->modseq)).has_value());
  set(inbox_, "/private/a", "1");
  names = bed_.must(store_.annotation_names(kAlice, names->modseq));
  ASSERT_TRUE(names.has_value());
  EXPECT_EQ(names->all.size(), 1u);
  EXPECT_FALSE(bed_.must(store_.annotation_names(kAlice, names->modseq)).has_value());
  // To take away what isn't there is no change.
  set(inbox_, "/private/b", std::nullopt);
  EXPECT_FALSE(bed_.must(store_.annotation_names(kAlice, names->modseq)).has_value());
  // The special use is told as one.
  bed_.must(store_.annotate(kAlice, bed_.id_of(kAlice, "Trash"), {}, Role::none));
  EXPECT_TRUE(bed_.must(store_.annotation_names(kAlice, names->modseq)).has_value());
}

TEST_P(AnnotationsTest, DamageIsToldAndRepaired) {
  set(inbox_, "/private/a", "1");
  set(inbox_, "/private/b", "2");
  set(0, "/private/c", "3");
  bed_.put_row(kAlice, annotation_key(4711, "/private/x"), encode(AnnotationRow{1, "of nobody"}));
  bed_.put_row(kAlice, annotation_key(inbox_, "/private/b"), "broken");
  EXPECT_THAT(bed_.problems({kAlice}), testing::Contains(HasSubstr("there is no such mailbox")));
  EXPECT_THAT(bed_.problems({kAlice}), testing::Contains(HasSubstr("/private/b")));
  EXPECT_THAT(bed_.problems({kAlice}), testing::Contains(HasSubstr("counts 3 annotations")));
  bed_.must(store_.settle(kAlice));
  EXPECT_THAT(bed_.problems({kAlice}), IsEmpty());
  EXPECT_EQ(get(inbox_, "/private/a"), "1");
  EXPECT_EQ(get(inbox_, "/private/b"), "(none)");
  EXPECT_EQ(get(0, "/private/c"), "3");
  // Also when the count is lost.
  bed_.put_row(kAlice, std::string(kAnnotationsKey), std::nullopt);
  bed_.must(store_.settle(kAlice));
  EXPECT_THAT(bed_.problems({kAlice}), IsEmpty());
}

TEST_P(AnnotationsTest, OfARemovedAccountAreGone) {
  set(inbox_, "/private/a", "1");
  set(0, "/private/a", "1");
  bed_.must(store_.remove_account(kAlice));
  bed_.must(store_.create_account(kAlice, "", bed_.place(kAlice)));
  EXPECT_EQ(get(bed_.id_of(kAlice, "INBOX"), "/private/a"), "(none)");
  EXPECT_EQ(get(0, "/private/a"), "(none)");
}

INSTANTIATE_TEST_SUITE_P(Engines, AnnotationsTest, testing::Values("memory", "rocksdb"),
                         [](const auto& kind) { return std::string(kind.param); });

}  // namespace
}  // namespace posthouse::store
