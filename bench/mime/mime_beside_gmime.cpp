// Headers and structure of messages: our one pass beside GMime's parser, over the sample mails of
// build/corpus (or the folder that MESSAGES names) and over one letter with a large attachment.
#include <benchmark/benchmark.h>
#include <gmime/gmime.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "message/summary.h"

namespace {

using namespace posthouse;

std::vector<std::string> samples() {
  const char* named = std::getenv("MESSAGES");
  std::vector<std::string> out;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(named != nullptr ? named : "build/corpus")) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    out.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return out;
}

std::vector<std::string> large() {
  std::string m =
      "From: Alice <alice@example.org>\r\nTo: bob@example.test\r\nSubject: pictures\r\n"
      "Content-Type: multipart/mixed; boundary=\"=_abc\"\r\n\r\n--=_abc\r\n\r\nhello\r\n"
      "--=_abc\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n";
  while (m.size() < (8 << 20)) m += std::string(76, 'x') + "\r\n";
  return {m + "--=_abc--\r\n"};
}

void count(benchmark::State& state, const std::vector<std::string>& messages) {
  int64_t bytes = 0;
  for (const auto& m : messages) bytes += static_cast<int64_t>(m.size());
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(messages.size()));
  state.SetBytesProcessed(state.iterations() * bytes);
}

void ours(benchmark::State& state, const std::vector<std::string>& messages) {
  for (auto _ : state) {
    for (const auto& m : messages) benchmark::DoNotOptimize(message::encode(message::summarize(m)));
  }
  count(state, messages);
}

void walk(GMimeObject* part) {
  benchmark::DoNotOptimize(g_mime_object_get_content_type(part));
  benchmark::DoNotOptimize(g_mime_object_get_content_disposition(part));
  if (GMIME_IS_MULTIPART(part)) {
    for (int i = 0; i < g_mime_multipart_get_count(GMIME_MULTIPART(part)); ++i) {
      walk(g_mime_multipart_get_part(GMIME_MULTIPART(part), i));
    }
  } else if (GMIME_IS_MESSAGE_PART(part)) {
    GMimeMessage* inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(part));
    if (inner != nullptr && g_mime_message_get_mime_part(inner) != nullptr)
      walk(g_mime_message_get_mime_part(inner));
  }
}

// What an envelope and a structure need; GMime reads addresses while it parses, and keeps contents where they
// are.
void read_with_gmime(const std::string& bytes) {
  GMimeStream* stream = g_mime_stream_mem_new_with_buffer(bytes.data(), bytes.size());
  GMimeParser* parser = g_mime_parser_new_with_stream(stream);
  if (GMimeMessage* m = g_mime_parser_construct_message(parser, nullptr)) {
    benchmark::DoNotOptimize(g_mime_message_get_subject(m));
    benchmark::DoNotOptimize(g_mime_message_get_date(m));
    benchmark::DoNotOptimize(g_mime_message_get_message_id(m));
    benchmark::DoNotOptimize(g_mime_message_get_from(m));
    benchmark::DoNotOptimize(g_mime_message_get_to(m));
    benchmark::DoNotOptimize(g_mime_message_get_cc(m));
    if (g_mime_message_get_mime_part(m) != nullptr) walk(g_mime_message_get_mime_part(m));
    g_object_unref(m);
  }
  g_object_unref(parser);
  g_object_unref(stream);
}

void gmime(benchmark::State& state, const std::vector<std::string>& messages) {
  for (auto _ : state) {
    for (const auto& m : messages) read_with_gmime(m);
  }
  count(state, messages);
}

}  // namespace

int main(int argc, char** argv) {
  g_mime_init();
  const auto mails = samples(), attachment = large();
  benchmark::RegisterBenchmark("samples/posthouse", ours, mails);
  benchmark::RegisterBenchmark("samples/gmime", gmime, mails);
  benchmark::RegisterBenchmark("attachment/posthouse", ours, attachment);
  benchmark::RegisterBenchmark("attachment/gmime", gmime, attachment);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
