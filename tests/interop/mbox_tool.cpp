// The mbox room as a program, for tests with others:
//   mbox_tool list PATH                       a line of JSON a message: offset, uid, claimed, flags,
//   keywords, subject, size, text mbox_tool append PATH UID FLAGS KEYWORDS  the message is standard input;
//   UID 0: the next one mbox_tool flag PATH SUBJECT FLAGS         adds flags to the messages of that subject
//   mbox_tool expunge PATH SUBJECT            removes them
// FLAGS and KEYWORDS are letters of Status and X-Status, and words with commas; "-" is none.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>

#include "base/ascii.h"
#include "mbox/file.h"

namespace {

using namespace posthouse;
using namespace posthouse::mbox;

template <class T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "mbox_tool: %s\n", result.error().what.c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::string json(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += std::string("\\") + c;
    } else if (u < ' ' || u > '~') {
      out += fmt::format("\\u{:04x}", u);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string text_of(Held& held, const Record& record) {
  auto reader = must(held.reader(record));
  std::string text;
  for (;;) {
    const std::string piece = must(reader.read(text.size(), 65536));
    if (piece.empty()) return text;
    text += piece;
  }
}

std::string subject_of(const std::string& text) {
  constexpr std::string_view kName = "Subject: ";
  for (std::string_view line : split(text, '\n')) {
    if (line.starts_with(kName)) return std::string(trim(line.substr(kName.size())));
  }
  return {};
}

std::vector<Record> records_of(Held& held) {
  std::vector<Record> records;
  must(held.scan([&](Record&& record) {
    if (!record.pseudo) records.push_back(std::move(record));
  }));
  return records;
}

void list(const File& file) {
  auto held = must(file.open(Access::read));
  for (const Record& record : records_of(held)) {
    const std::string text = text_of(held, record);
    std::string words;
    for (const std::string& word : record.metadata.keywords) words += (words.empty() ? "" : ",") + word;
    std::cout << "{\"offset\": " << record.offset << ", \"uid\": " << record.metadata.uid
              << ", \"claimed\": " << record.claimed_uid << ", \"flags\": "
              << json(status_value(record.metadata.flags) + x_status_value(record.metadata.flags))
              << ", \"keywords\": " << json(words) << ", \"subject\": " << json(subject_of(text))
              << ", \"size\": " << record.size
              << ", \"validity\": " << (record.base ? record.base->validity : 0)
              << ", \"text\": " << json(text) << "}\n";
  }
}

void append(const File& file, uint32_t uid, const std::string& flags, const std::string& words) {
  const std::string text((std::istreambuf_iterator<char>(std::cin)), {});
  auto held = must(file.open(Access::write));
  Letter letter{"tool@example", 1606564800, {{}, {}, uid}, Base{1606564800, 0, {}}};
  read_status(flags, letter.metadata.flags);
  if (words != "-") {
    for (std::string_view word : split(words, ',')) letter.metadata.keywords.emplace_back(word);
  }
  if (uid == 0) {
    const auto records = records_of(held);
    if (records.empty()) letter.metadata.uid = 1;
    if (!records.empty() && records[0].base) letter.metadata.uid = records[0].base->last_uid + 1;
  }
  bool told = false;
  must(held.append(letter, [&]() -> Result<std::string_view> {
    return std::exchange(told, true) ? std::string_view() : std::string_view(text);
  }));
  must(held.commit());
}

void change(const File& file, const std::string& subject, const std::string* flags) {
  auto held = must(file.open(Access::write));
  std::vector<Change> changes;
  for (const Record& record : records_of(held)) {
    if (subject_of(text_of(held, record)) != subject) continue;
    changes.push_back({record.offset, record.next, flags == nullptr, record.metadata});
    if (flags != nullptr) read_status(*flags, changes.back().metadata.flags);
  }
  must(held.rewrite(changes));
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() < 2) return 2;
  const File file(args[1]);
  if (args[0] == "list") {
    list(file);
  } else if (args[0] == "append" && args.size() == 5) {
    append(file, static_cast<uint32_t>(std::stoul(args[2])), args[3], args[4]);
  } else if (args[0] == "flag" && args.size() == 4) {
    change(file, args[2], &args[3]);
  } else if (args[0] == "expunge" && args.size() == 3) {
    change(file, args[2], nullptr);
  } else {
    return 2;
  }
  return 0;
}
