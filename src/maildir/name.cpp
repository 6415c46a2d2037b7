#include "maildir/name.h"

#include <unistd.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/random.h"
#include "maildir/limits.h"

namespace posthouse::maildir {

namespace {

constexpr std::string_view kFlagLetters = "DFPRST";  // the bits of Marks::flags, from the lowest
constexpr std::string_view kInfo = ":2,";

void read_sizes(std::string_view base, Name& name) {
  for (const std::string_view field : split(base, ',')) {
    if (field.starts_with("S=")) name.size = parse_uint(field.substr(2));
    if (field.starts_with("W=")) name.crlf_size = parse_uint(field.substr(2));
  }
}

void read_flags(std::string_view flags, Name& name) {
  for (size_t i = 0; i < flags.size(); ++i) {
    const char c = flags[i];
    const size_t known = kFlagLetters.find(c);
    if (c == ',') {
      name.rest = flags.substr(i);
      return;
    }
    if (known != std::string_view::npos) {
      name.marks.flags |= static_cast<uint8_t>(1u << known);
    } else if (c >= 'a' && c <= 'z') {
      name.marks.letters |= 1u << (c - 'a');
    } else if (name.unknown.find(c) == std::string::npos) {
      name.unknown += c;
    }
  }
}

}  // namespace

Marks MarkChange::apply(Marks marks) const {
  marks.flags = static_cast<uint8_t>((marks.flags & ~remove.flags) | add.flags);
  marks.letters = (marks.letters & ~remove.letters) | add.letters;
  return marks;
}

Name parse_name(std::string_view file) {
  Name name;
  name.base = file.substr(0, file.find(':'));
  read_sizes(name.base, name);
  const size_t info = file.rfind(kInfo);
  if (info != std::string_view::npos && file.find(':', info + 1) == std::string_view::npos) {
    name.stem = file.substr(0, info);
    read_flags(file.substr(info + kInfo.size()), name);
  } else {
    // No flags, or those of a meaning that was never agreed upon (":1,").
    const size_t last = file.rfind(':');
    name.stem =
        last != std::string_view::npos && file.substr(last).starts_with(":1,") ? file.substr(0, last) : file;
  }
  return name;
}

Marks marks_of(std::string_view file) {
  const size_t info = file.rfind(':');
  if (info == std::string_view::npos || !file.substr(info).starts_with(kInfo)) return {};
  Name name;
  read_flags(file.substr(info + kInfo.size()), name);
  return name.marks;
}

std::string format_name(const Name& name) {
  std::string flags = name.unknown;
  for (size_t i = 0; i < kFlagLetters.size(); ++i) {
    if ((name.marks.flags >> i & 1) != 0) flags += kFlagLetters[i];
  }
  for (int i = 0; i < kLetters; ++i) {
    if ((name.marks.letters >> i & 1) != 0) flags += static_cast<char>('a' + i);
  }
  std::sort(flags.begin(), flags.end());
  return fmt::format("{}{}{}{}", name.stem, kInfo, flags, name.rest);
}

Result<std::string> changed_name(std::string_view file, const MarkChange& change) {
  Name name = parse_name(file);
  name.marks = change.apply(name.marks);
  std::string changed = format_name(name);
  if (changed.size() > kMaxFileName) {
    return fail(FaultKind::permanent, fmt::format("the name {} has no room for more flags", file));
  }
  return changed;
}

std::string_view unique_part(std::string_view base) {
  return base.substr(0, base.find(','));
}

std::string base_with_sizes(std::string_view unique, uint64_t size, uint64_t crlf_size) {
  return fmt::format("{},S={},W={}", unique, size, crlf_size);
}

bool same_message(std::string_view base, std::string_view key) {
  if (!base.starts_with(key)) return false;
  return base.size() == key.size() || (base[key.size()] == ',' && key.find(',') == std::string_view::npos);
}

bool is_usable_base(std::string_view base) {
  if (base.empty() || base.size() > kMaxBase || base[0] == '.') return false;
  return base.find_first_of(std::string_view("/:\n\r\0", 5)) == std::string_view::npos;
}

NameMaker::NameMaker(const Clock& clock, Random& random, std::string_view host)
    : clock_(clock), random_(random) {
  // "/" and ":" as their octal numbers, as the makers of Maildir have it; the rest of what may not be is left
  // out.
  for (const char c : host.substr(0, kMaxHost)) {
    if (is_alnum(c) || c == '.' || c == '-' || c == '_') host_ += c;
    if (c == '/') host_ += "\\057";
    if (c == ':') host_ += "\\072";
  }
  if (host_.empty()) host_ = "localhost";
}

std::string NameMaker::unique() {
  const auto now = static_cast<uint64_t>(clock_.now().time_since_epoch().count());
  return fmt::format("{}.M{}P{}Q{}R{:016x}.{}", now / 1000, now % 1000 * 1000, ::getpid(), ++counter_,
                     random_.u64(), host_);
}

}  // namespace posthouse::maildir
