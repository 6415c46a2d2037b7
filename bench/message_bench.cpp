// What the anatomy of a message costs: summary, record, IMAP text, search.
#include <benchmark/benchmark.h>

#include "message/address_list.h"
#include "message/date.h"
#include "message/search_text.h"
#include "message/summary.h"
#include "message/transfer.h"

namespace {

using namespace posthouse::message;

// A letter as they come: 20 fields, two received lines, plain text, 4 KiB in all.
std::string letter() {
  std::string m =
      "Return-Path: <alice@example.org>\r\n"
      "Received: from mx.example.org (mx.example.org [192.0.2.1])\r\n"
      "\tby mail.example.test (Posthouse) with ESMTPS id 01h2j3k4m5n6p\r\n"
      "\tfor <bob@example.test>; Mon, 23 Nov 2026 21:14:13 +0000\r\n"
      "Received: from [198.51.100.7] (dsl.example.net [198.51.100.7])\r\n"
      "\tby mx.example.org with ESMTPSA id abcdef; Mon, 23 Nov 2026 21:14:12 +0000\r\n"
      "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=2026;\r\n"
      "\th=from:to:subject:date:message-id:mime-version:content-type;\r\n"
      "\tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n"
      "\tb=dGhpcyBpcyBub3QgYSBzaWduYXR1cmUgYnV0IGFzIGxvbmcgYXMgb25lIHRoaXMgaXMgbm90IGEg\r\n"
      "\t c2lnbmF0dXJlIGJ1dCBhcyBsb25nIGFzIG9uZQ==\r\n"
      "Date: Mon, 23 Nov 2026 22:14:10 +0100\r\n"
      "From: Alice Example <alice@example.org>\r\n"
      "To: Bob Builder <bob@example.test>, \"Carol, C.\" <carol@example.test>\r\n"
      "Cc: dave@example.net\r\n"
      "Subject: Re: the plan for next week\r\n"
      "Message-ID: <20261123221410.1234@example.org>\r\n"
      "In-Reply-To: <20261122.5678@example.test>\r\n"
      "References: <20261121.1@example.test> <20261122.5678@example.test>\r\n"
      "MIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=utf-8; format=flowed\r\n"
      "Content-Transfer-Encoding: 8bit\r\n"
      "User-Agent: Example 1.0\r\n"
      "\r\n";
  while (m.size() < 4096)
    m += "The quick brown fox jumps over the lazy dog, and over again, and once more.\r\n";
  return m;
}

// Text, HTML and a base64 attachment of `size` octets.
std::string with_attachment(size_t size) {
  std::string m =
      "From: Alice <alice@example.org>\r\nTo: bob@example.test\r\nSubject: pictures\r\n"
      "Content-Type: multipart/mixed; boundary=\"=_abc\"\r\n\r\n"
      "--=_abc\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
      "--=_abc\r\nContent-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\n";
  append_base64_lines(m, std::string(size, 'x'));
  return m + "--=_abc--\r\n";
}

void summarize_letter(benchmark::State& state) {
  const std::string m = letter();
  for (auto _ : state) benchmark::DoNotOptimize(encode(summarize(m)));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * m.size()));
}
BENCHMARK(summarize_letter);

void summarize_attachment(benchmark::State& state) {
  const std::string m = with_attachment(8 << 20);
  for (auto _ : state) benchmark::DoNotOptimize(summarize(m));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * m.size()));
}
BENCHMARK(summarize_attachment);

void summarize_plain_megabytes(benchmark::State& state) {
  std::string m = letter();
  while (m.size() < (8 << 20)) m += m.substr(2048, 2048);
  for (auto _ : state) benchmark::DoNotOptimize(summarize(m));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * m.size()));
}
BENCHMARK(summarize_plain_megabytes);

void decode_record(benchmark::State& state) {
  const std::string record = encode(summarize(letter()));
  for (auto _ : state) benchmark::DoNotOptimize(decode(record));
}
BENCHMARK(decode_record);

void imap_envelope(benchmark::State& state) {
  const std::string record = encode(summarize(letter()));
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_imap_envelope(out, record, false);
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(imap_envelope);

void imap_bodystructure(benchmark::State& state) {
  const std::string record = encode(summarize(with_attachment(1000)));
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_imap_bodystructure(out, record, true, false);
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(imap_bodystructure);

void read_address_list(benchmark::State& state) {
  std::string value;
  for (int i = 0; i < 100; ++i)
    value += "\"Name, Some\" <someone" + std::to_string(i) + "@example.org>,\r\n ";
  for (auto _ : state) benchmark::DoNotOptimize(parse_address_list(value, 1000));
}
BENCHMARK(read_address_list);

void read_date(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(parse_date("Mon, 23 Nov 2026 22:14:10 +0100 (CET)"));
}
BENCHMARK(read_date);

void search_megabyte(benchmark::State& state) {
  std::string text;
  while (text.size() < (1 << 20)) text += "The quick brown fox jumps over the lazy dog, and over again.\r\n";
  for (auto _ : state) {
    TextSearch search({"no such words"});
    for (size_t at = 0; at < text.size(); at += 65536) search.feed(std::string_view(text).substr(at, 65536));
    search.end_text();
    benchmark::DoNotOptimize(search.all_found());
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}
BENCHMARK(search_megabyte);

void decode_base64_megabyte(benchmark::State& state) {
  std::string lines;
  append_base64_lines(lines, std::string(1 << 20, 'x'));
  for (auto _ : state) benchmark::DoNotOptimize(decode_base64(lines));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * lines.size()));
}
BENCHMARK(decode_base64_megabyte);

}  // namespace

BENCHMARK_MAIN();
