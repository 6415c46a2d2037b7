#include "message/body_lists.h"

#include "unit/message/support.h"

namespace posthouse::message {
namespace {

// The parts of a list by their Content-IDs.
std::string names(const std::vector<const Part*>& parts) {
  std::string out;
  for (const Part* part : parts) out += part->id;
  return out;
}

std::string shown(const std::string& message) {
  const Summary s = summarize(crlf(message));
  const BodyLists lists = body_lists(s.root);
  return names(lists.text) + " " + names(lists.html) + " " + names(lists.attachments) +
         (lists.has_attachment() ? "!" : "");
}

std::string leaf(const std::string& id, const std::string& type, const std::string& more = "") {
  return "Content-ID: " + id + "\nContent-Type: " + type + "\n" + more + "\nx\n";
}

std::string multi(const std::string& kind, const std::string& boundary,
                  const std::vector<std::string>& parts) {
  std::string out = "Content-Type: multipart/" + kind + "; boundary=" + boundary + "\n\n";
  for (const auto& part : parts) out += "--" + boundary + "\n" + part + "\n";
  return out + "--" + boundary + "--\n";
}

const std::string kInline = "Content-Disposition: inline\n", kAttached = "Content-Disposition: attachment\n";

TEST(BodyLists, SortsTheExampleOfRfc8621) {
  const std::string message =
      multi("mixed", "b1",
            {leaf("A", "text/plain", kInline),
             multi("mixed", "b2",
                   {multi("alternative", "b3",
                          {multi("mixed", "b4",
                                 {leaf("B", "text/plain", kInline), leaf("C", "image/jpeg", kInline),
                                  leaf("D", "text/plain", kInline)}),
                           multi("related", "b5", {leaf("E", "text/html"), leaf("F", "image/jpeg")})}),
                    leaf("G", "image/jpeg", kAttached), leaf("H", "application/x-excel"),
                    leaf("J", "message/rfc822")}),
             leaf("K", "text/plain", kInline)});
  EXPECT_EQ(shown(message), "ABCDK AEK CFGHJ!");
}

TEST(BodyLists, SortsUsualMessages) {
  EXPECT_EQ(shown(leaf("A", "text/plain")), "A A ");
  EXPECT_EQ(shown(leaf("A", "application/pdf")), "  A!");
  EXPECT_EQ(shown(leaf("A", "text/plain", kAttached)), "  A!");
  EXPECT_EQ(shown(multi("alternative", "b", {leaf("A", "text/plain"), leaf("B", "text/html")})), "A B ");
  EXPECT_EQ(shown(multi("alternative", "b", {leaf("A", "text/plain"), leaf("B", "text/calendar")})),
            "A A B!");
  EXPECT_EQ(shown(multi("alternative", "b", {leaf("B", "text/html")})), "B B ");
  EXPECT_EQ(shown(multi("mixed", "b", {leaf("A", "text/plain"), leaf("B", "image/png", kInline)})), "AB AB ");
  EXPECT_EQ(shown(multi("mixed", "b", {leaf("A", "text/plain"), leaf("B", "text/plain; name=b.txt")})),
            "A A B!");
  EXPECT_EQ(shown(multi("related", "b", {leaf("A", "text/html"), leaf("B", "image/png", kInline)})), "A A B");
  EXPECT_EQ(shown(multi("mixed", "b", {})), "  ");
}

TEST(PartName, IsFilenameOrName) {
  const auto name = [](const std::string& header) { return part_name(summarize(header + "\r\n\r\n").root); };
  EXPECT_EQ(name("Content-Type: a/b; name=n"), "n");
  EXPECT_EQ(name("Content-Type: a/b; name=n\r\nContent-Disposition: attachment; filename*=utf-8''%C3%A9"),
            "é");
  EXPECT_EQ(name("Content-Type: a/b"), "");
  // Pieces that are counted from 1, against RFC 2231 section 3.
  EXPECT_EQ(name("Content-Disposition: attachment; filename*1=long-; filename*2=name.txt"), "long-name.txt");
  EXPECT_EQ(name("Content-Disposition: attachment; filename*1*=utf-8''%C3%A9; filename*2=.txt"), "é.txt");
}

}  // namespace
}  // namespace posthouse::message
