#include "app/moving/export_note.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "app/moving/letter_files.h"
#include "app/moving/looks.h"

namespace posthouse::app::moving {
namespace {

using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class ExportNoteTest : public ::testing::Test {
 protected:
  ExportNoteTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "posthouse-note-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
  }
  ~ExportNoteTest() override { std::filesystem::remove_all(directory_); }
  ExportNoteWriter open() { return std::move(*ExportNoteWriter::open(directory_, "eml", "a@b.test")); }
  std::map<std::string, std::string, std::less<>> mailboxes() {
    auto note = read_export_note(directory_);
    return note && *note ? (*note)->mailboxes : std::map<std::string, std::string, std::less<>>();
  }
  void append(std::string_view text) {
    std::ofstream(directory_ + "/.posthouse-export", std::ios::app) << text;
  }

  std::string directory_;
};

TEST_F(ExportNoteTest, EachMailboxHasAPlaceOfItsOwn) {
  {
    ExportNoteWriter note = open();
    EXPECT_EQ(*note.place("Work", "Work", "", ""), "Work");
    EXPECT_EQ(*note.place("too long", "", ".", ".mbox"), ".long-1.mbox");
    EXPECT_EQ(*note.place("longer still", "", ".", ".mbox"), ".long-2.mbox");
    EXPECT_EQ(*note.place("someone else's", "Work", "", ""), "long-1");
  }
  ExportNoteWriter again = open();
  EXPECT_EQ(*again.place("too long", "", ".", ".mbox"), ".long-1.mbox");
  EXPECT_EQ(*again.place("a new one", "", ".", ".mbox"), ".long-3.mbox");
  EXPECT_THAT(mailboxes(),
              UnorderedElementsAre(Pair("Work", "Work"), Pair(".long-1.mbox", "too long"),
                                   Pair(".long-2.mbox", "longer still"), Pair("long-1", "someone else's"),
                                   Pair(".long-3.mbox", "a new one")));
}

TEST_F(ExportNoteTest, ALineThatWasCutOffIsNone) {
  ASSERT_TRUE(open().place("Work", "Work", "", ""));
  append("long-1\tA name of whi");
  EXPECT_THAT(mailboxes(), UnorderedElementsAre(Pair("Work", "Work")));
  ExportNoteWriter note = open();
  EXPECT_EQ(*note.place("A name of which the rest was lost", "", "", ""), "long-1");
  EXPECT_THAT(mailboxes(), UnorderedElementsAre(Pair("Work", "Work"),
                                                Pair("long-1", "A name of which the rest was lost")));
}

TEST_F(ExportNoteTest, TakesNoOtherExport) {
  open();
  EXPECT_EQ(ExportNoteWriter::open(directory_, "mbox", "a@b.test").error().kind, FaultKind::exists);
  EXPECT_EQ(ExportNoteWriter::open(directory_, "eml", "other@b.test").error().kind, FaultKind::exists);
}

TEST_F(ExportNoteTest, JunkIsNoNote) {
  for (const char* junk : {"", "posthouse-export 2 eml a@b.test\n", "posthouse-export 1 \n", "\n\n\t\n"}) {
    std::ofstream(directory_ + "/.posthouse-export", std::ios::trunc) << junk;
    EXPECT_TRUE(mailboxes().empty()) << junk;
  }
  std::ofstream(directory_ + "/.posthouse-export", std::ios::trunc)
      << "posthouse-export 1 eml a@b.test\n\n\t\nA\n\tB\nC\t\nD\tE\n";
  EXPECT_THAT(mailboxes(), UnorderedElementsAre(Pair("D", "E")));
}

TEST_F(ExportNoteTest, NothingLeadsOutOfTheFolder) {
  std::ofstream(directory_ + "/.posthouse-export")
      << "posthouse-export 1 eml a@b.test\n/etc\ta\n../x\tb\nx/../../y\tc\n"
         "..\td\n..x/y..\te\n.\tf\n";
  EXPECT_THAT(mailboxes(), UnorderedElementsAre(Pair("..x/y..", "e"), Pair(".", "f")));
  ExportNoteWriter note = open();
  EXPECT_EQ(*note.place("a", "a", "", ""), "a");
}

TEST_F(ExportNoteTest, NotesOfLettersThatAreNoSmallFile) {
  const std::string path = directory_ + "/" + std::string(kFlagsFile);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_TRUE(read_notes(directory_).empty());
  std::filesystem::remove(path);
  std::ofstream(path).close();
  std::filesystem::resize_file(path, uint64_t{1} << 33);  // a line without end
  EXPECT_TRUE(read_notes(directory_).empty());
  EXPECT_TRUE(read_notes(directory_ + "/nowhere").empty());
}

TEST_F(ExportNoteTest, NotesOfLetters) {
  const store::FlagSet flags{store::kSeen, {"work", "$Forwarded"}};
  const SystemTime now(seconds(1'000'000'000)), later(milliseconds(5'000'000'000'123)), before(seconds(-5));
  {
    std::ofstream out(directory_ + "/" + std::string(kFlagsFile));
    out << note_line("a", flags, now) << note_line("b", {}, later) << note_line("c", flags, before)
        << "junk\nx\ty\tz\nd\t999\t\ne\t1\tw\tsoon\n";
  }
  const LetterNotes notes = read_notes(directory_);
  ASSERT_EQ(notes.size(), 4u);
  EXPECT_EQ(notes.at("a").flags.keywords, flags.keywords);
  EXPECT_EQ(notes.at("a").flags.system, store::kSeen);
  EXPECT_FALSE(notes.at("a").date);
  EXPECT_EQ(notes.at("b").date, later);
  EXPECT_TRUE(notes.at("b").flags.keywords.empty());
  EXPECT_EQ(notes.at("c").date, before);
  EXPECT_FALSE(notes.at("e").date);
}

TEST(Looks, Letters) {
  for (const char* text :
       {"From: a\r\n", "X-A: 1\r\n folded\r\n\tand more\r\nsubject : x\n", "Received: x", "DATE:\n"})
    EXPECT_TRUE(begins_as_letter(text)) << text;
  for (const char* text :
       {"", "\n", "From me\nTo: b\n", "root:x:0:0::/:/bin/sh\nbin:x:1:1::/:/bin/sh\n", "Host: a\n\nFrom: b\n",
        " From: a\n", ": x\nFrom: a\n", "\xef\xbb\xbf\n", "a b: c\nTo: d\n"})
    EXPECT_FALSE(begins_as_letter(text)) << text;
  EXPECT_TRUE(begins_as_mbox("From a@b Thu Jan  1 10:00:00 2015\nSubject: x\n"));
  EXPECT_TRUE(begins_as_mbox("From - Thu Jan  1 10:00:00 2015\r\n"));
  EXPECT_FALSE(begins_as_mbox("From here on\n"));
  EXPECT_FALSE(begins_as_mbox(""));
}

}  // namespace
}  // namespace posthouse::app::moving
