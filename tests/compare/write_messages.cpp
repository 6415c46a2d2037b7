// Writes messages as src/message composes them into a folder, the same ones in every run, with texts that are
// hard to write: others must read in them what we do.
#include <fmt/format.h>

#include <array>
#include <fstream>
#include <optional>

#include "message/builder.h"
#include "message/disposition_report.h"
#include "message/report.h"
#include "support/seeded_random.h"

namespace posthouse::compare {
namespace {

using namespace message;

constexpr int kMessages = 60;

class Writer {
 public:
  explicit Writer(std::string folder) : folder_(std::move(folder)) {}

  void write_all() {
    for (int i = 0; i < kMessages; ++i) {
      random_.emplace(i);
      write(fmt::format("message-{:02}", i), message(i));
      if (i % 4 == 0) write(fmt::format("dsn-{:02}", i), dsn());
      if (i % 4 == 0) write(fmt::format("mdn-{:02}", i), mdn());
    }
  }

 private:
  void write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << bytes;
  }

  std::string text(uint64_t words, const char* separator = " ") {
    static constexpr std::array<const char*, 18> kWords = {"lunch",
                                                           "tomorrow",
                                                           "Grüße",
                                                           "日本語の件名",
                                                           "\U0001F600",
                                                           "a,b",
                                                           "\"quoted\"",
                                                           "back\\slash",
                                                           "(comment)",
                                                           "<angle>",
                                                           "semi;colon",
                                                           "100%",
                                                           "=?utf-8?q?x?=",
                                                           "under_score",
                                                           "a.b@c",
                                                           "Привет",
                                                           "averyveryveryverylongwordthatgoesonandonandon",
                                                           "it's"};
    std::string out;
    for (uint64_t n = random_->below(words) + 1; n > 0; --n) {
      if (!out.empty()) out += separator;
      out += kWords[random_->below(kWords.size())];
    }
    return out;
  }

  std::string message(int i) {
    MessageBuilder builder(i % 4 == 3);
    builder.from({text(3), {"joe", "example.org"}});
    std::vector<NamedAddress> to;
    for (uint64_t n = random_->below(4) + 1; n > 0; --n)
      to.push_back({random_->below(3) == 0 ? "" : text(4), {"a.b+c", "example.net"}});
    builder.addresses("To", to).subject(text(12)).date(SystemTime{std::chrono::seconds(1'700'000'000 + i)});
    builder.message_id(fmt::format("{}@example.org", i));
    if (i % 7 == 6) builder.allow_8bit();
    builder.text(text(60, i % 3 == 0 ? "\n" : " ") + "\n", i % 5 == 4 ? "html" : "plain");
    for (uint64_t n = random_->below(3); n > 0; --n) {
      // One after the other: compilers may choose the order of arguments.
      const std::string name = text(n == 1 ? 2 : 30, n == 1 ? "" : " ");
      const std::string bytes = random_->token(random_->below(300));
      builder.attach(name, "application/octet-stream", bytes);
    }
    return builder.build(*random_);
  }

  std::string dsn() {
    Report report;
    report.reporting_mta = "mail.example.org";
    report.from = {"postmaster", "example.org"};
    report.to = {"joe", "example.net"};
    report.recipients.push_back(
        {{"a b", "example.com"}, "", ReportAction::failed, "5.1.1", "mx.example.com", text(30), "", {}, {}});
    const ReportFrame frame = make_report(report, *random_);
    ReturnedCopy copy(frame);
    std::string out = frame.head;
    copy.feed("Subject: returned\nFrom: joe@example.net\n", out);
    copy.finish(out);
    return out + frame.tail;
  }

  std::string mdn() {
    DispositionReport report;
    report.from = {"joe", "example.org"};
    report.to = {"ann", "example.net"};
    report.original_subject = text(8);
    report.original_message_id = "<1@example.net>";
    report.original_header = "Subject: returned\n";
    report.domain = "mail.example.org";
    return make_disposition_report(report, *random_);
  }

  std::string folder_;
  std::optional<test::SeededRandom>
      random_;  // anew for every message, so that one does not change the others
};

}  // namespace
}  // namespace posthouse::compare

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  posthouse::compare::Writer(argv[1]).write_all();
}
