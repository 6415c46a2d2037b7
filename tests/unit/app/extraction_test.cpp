// Programs that get the text out of documents: what they may do, and what becomes of those that misbehave.
#include "app/extraction/extraction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "app/config/load.h"

namespace posthouse::app {
namespace {

using message::DocumentKind;
using testing::HasSubstr;

class Extraction : public testing::Test {
 protected:
  Extraction() {
    char name[] = "/tmp/posthouse-extraction.XXXXXX";
    folder_ = ::mkdtemp(name);
    config_ = default_config();
    config_.server.data_directory = folder_ + "/data";
    std::filesystem::create_directories(search_directory(config_));
    std::ofstream(folder_ + "/data/secret") << "letters of others";
  }
  ~Extraction() override {
    extractor_.reset();
    std::filesystem::remove_all(folder_);
  }

  // A program in Python that serves PDF.
  void start(const std::string& code, milliseconds time = milliseconds(10'000)) {
    const std::string path = folder_ + "/extractor";
    std::ofstream(path) << "#!/usr/bin/python3 -IS\nimport os, sys\n" << code;
    ::chmod(path.c_str(), 0755);
    config_.search.extractors = {"pdf=" + path};
    extractor_ = start_extraction(config_, {time, kExtractionMemory});
    ASSERT_NE(extractor_, nullptr);
    ASSERT_TRUE(extractor_->knows(DocumentKind::pdf));
  }
  // The text of a document, of which no more is taken than `most` octets.
  Result<std::string> text_of(const std::string& document, size_t most = SIZE_MAX) {
    if (Result<void> begun = extractor_->begin(DocumentKind::pdf); !begun)
      return std::unexpected(begun.error());
    if (Result<void> fed = extractor_->feed(document); !fed) return std::unexpected(fed.error());
    std::string text;
    const Result<void> done = extractor_->finish([&](std::string_view utf8) {
      text += utf8;
      return text.size() < most;
    });
    if (!done) return std::unexpected(done.error());
    return text;
  }
  // The process that starts programs: the youngest child that this one has.
  static pid_t runner() {
    std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
    pid_t last = 0;
    for (pid_t pid = 0; children >> pid;) last = pid;
    return last;
  }

  std::string folder_;
  Config config_;
  std::shared_ptr<search::TextExtractor> extractor_;
};

TEST_F(Extraction, GivesTheTextOfOneDocumentAfterAnother) {
  start("sys.stdout.write('text of ' + sys.stdin.read().upper() + ' \\u00e4')");
  EXPECT_FALSE(extractor_->knows(DocumentKind::office));
  for (int i = 0; i < 3; i++)
    EXPECT_EQ(text_of("letter " + std::to_string(i)).value(),
              "text of LETTER " + std::to_string(i) + " \xC3\xA4");
  const std::string large(3 << 20, 'x');
  EXPECT_EQ(text_of(large).value().size(), large.size() + 11);
  EXPECT_EQ(text_of("").value(), "");  // nobody is asked
}

TEST_F(Extraction, WhatIsNoUtf8BecomesIt) {
  start("os.write(1, b'a\\xff\\xc3')");
  const std::string text = text_of("x").value();
  EXPECT_EQ(text.front(), 'a');
  EXPECT_EQ(text.find('\xFF'), std::string::npos);
}

TEST_F(Extraction, EndsWhatHangs) {
  start(
      "import time\nif sys.stdin.read() == 'hang':\n  os.write(1, b'begun'); time.sleep(600)\nprint('text')",
      milliseconds(5'000));  // also enough for the others of a busy machine
  const auto text = text_of("hang");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().kind, FaultKind::timeout);
  EXPECT_EQ(text_of("other").value(), "text\n");
}

TEST_F(Extraction, TakesAsMuchAsIsWanted) {
  start(
      "if sys.stdin.read() == 'flood':\n  while True:\n    try: os.write(1, b'x' * 65536)\n    except "
      "OSError: pass\nprint('text')");
  EXPECT_GE(text_of("flood", 1 << 20).value().size(), 1u << 20);
  EXPECT_EQ(text_of("other").value(), "text\n");
}

TEST_F(Extraction, OutlivesCrashes) {
  start(
      "what = sys.stdin.read()\nif what == 'crash': os.abort()\nos.write(1, b'some')\nif what == 'late': "
      "os.abort()");
  const auto text = text_of("crash");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().kind, FaultKind::permanent);
  EXPECT_EQ(text_of("late").value(), "some");  // of a damaged document what could be read
  EXPECT_EQ(text_of("good").value(), "some");
}

TEST_F(Extraction, HasBoundedMemory) {
  start("try:\n  x = bytearray(1 << 30); print('got it')\nexcept MemoryError:\n  print('refused')");
  EXPECT_EQ(text_of("x").value(), "refused\n");
}

TEST_F(Extraction, MayDoNothingButReadAndWrite) {
  const std::string data = config_.server.data_directory;
  start(
      "import signal, resource\n"
      "import _socket\n"
      "def attempt(name, what):\n"
      "  try: what(); print(name, 'WORKED')\n"
      "  except (OSError, ValueError): print(name, 'refused')\n"
      "attempt('store', lambda: open('" +
      data +
      "/secret').read())\n"
      "attempt('listing', lambda: os.listdir('" +
      data +
      "'))\n"
      "attempt('passwd', lambda: open('/etc/passwd').read())\n"
      "attempt('proc', lambda: open('/proc/1/environ').read())\n"
      "attempt('write', lambda: open('" +
      data +
      "/new', 'w'))\n"
      "attempt('tmp', lambda: open('/tmp/posthouse-extraction-new', 'w'))\n"
      "attempt('document', lambda: (os.lseek(0, 0, 2), os.write(0, b'x')))\n"
      "attempt('remove', lambda: os.unlink('" +
      data +
      "/secret'))\n"
      "attempt('network', lambda: _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM))\n"
      "attempt('unix', lambda: _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM))\n"
      "attempt('fork', os.fork)\n"
      "attempt('kill', lambda: os.kill(os.getppid(), 0))\n"
      "attempt('limits', lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (1, 1)))\n"
      "attempt('more', lambda: resource.setrlimit(resource.RLIMIT_AS, (-1, -1)))\n"
      "attempt('program', lambda: os.execv('" +
      folder_ +
      "/other', ['x']))\n"
      "fds = []\n"
      "for fd in range(3, 64):\n"
      "  try: os.fstat(fd); fds.append(fd)\n"
      "  except OSError: pass\n"
      "print('descriptors', fds)\n"
      "print('environment', sorted(os.environ))\n"
      "print('end')\n");
  std::filesystem::copy_file("/bin/true", folder_ + "/other");
  const std::string text = text_of("x").value();
  EXPECT_EQ(text.find("WORKED"), std::string::npos) << text;
  EXPECT_THAT(text, HasSubstr("\nend\n")) << text;
  EXPECT_THAT(text, HasSubstr("descriptors []")) << text;
  EXPECT_THAT(text, HasSubstr("environment ['HOME', 'LC_ALL', 'PATH']")) << text;
  size_t refused = 0;
  for (size_t at = 0; (at = text.find("refused", at)) != std::string::npos; at++) refused++;
  EXPECT_EQ(refused, 15u) << text;
}

TEST_F(Extraction, GoesOnWithoutTheProcessThatStartsThem) {
  start("print('text')");
  EXPECT_EQ(text_of("x").value(), "text\n");
  const pid_t pid = runner();
  ASSERT_GT(pid, 0);
  ::kill(pid, SIGKILL);
  EXPECT_FALSE(text_of("x"));
  EXPECT_FALSE(extractor_->knows(DocumentKind::pdf));
  EXPECT_FALSE(text_of("x"));
}

TEST_F(Extraction, IsGivenUpWhenTheServerEnds) {
  start("import time; time.sleep(600)");
  extractor_->stop();
  const auto text = text_of("x");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().kind, FaultKind::closed);
}

TEST_F(Extraction, IsNoneWhereNoProgramIs) {
  config_.search.extractors = {"pdf=/nowhere/at/all", "office=no-such-program-anywhere"};
  EXPECT_EQ(start_extraction(config_), nullptr);
  config_.search.extractors.clear();
  EXPECT_EQ(start_extraction(config_), nullptr);
}

TEST_F(Extraction, TheFirstOfAKindThatIsThere) {
  const auto found = find_extractors({"pdf=/nowhere", "pdf=cat", "pdf=/bin/true", "office=/bin/cat"});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_THAT(found[0].path, HasSubstr("/cat"));
  EXPECT_EQ(found[1].kind, DocumentKind::office);
  EXPECT_TRUE(found[1].arguments.empty());
}

TEST(ExtractorSetting, IsKindAndProgram) {
  for (const char* wrong : {"", "pdf", "pdf=", "exe=cat", "pdf=bin/cat", "pdf=./cat"}) {
    Loaded loaded;
    loaded.config = default_config();
    apply_settings(loaded, {fmt::format("search.extractors = [\"{}\"]", wrong)});
    ASSERT_EQ(loaded.problems.size(), 1u) << wrong;
    EXPECT_THAT(loaded.problems[0].to_string(), HasSubstr("search.extractors")) << wrong;
  }
}

}  // namespace
}  // namespace posthouse::app
