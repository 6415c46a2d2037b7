#include "app/extraction/programs.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "app/config/extractors.h"

namespace posthouse::app {
namespace {

struct KnownProgram {
  std::string_view name;
  std::vector<std::string> arguments;
  bool xml = false;
};

const std::vector<KnownProgram>& known_programs() {
  static const std::vector<KnownProgram> programs = {
      {"pdftotext", {"-q", "-enc", "UTF-8", "-nopgbrk", "-", "-"}},
      // Of each format the parts that have its text (ECMA-376 part 1, ISO/IEC 26300 part 2 section 3.1).
      {"bsdtar",
       {"-x", "-O", "-f", "-", "--include=word/document.xml", "--include=word/header*.xml",
        "--include=word/footer*.xml", "--include=word/footnotes.xml", "--include=word/endnotes.xml",
        "--include=word/comments.xml", "--include=xl/sharedStrings.xml", "--include=xl/worksheets/sheet*.xml",
        "--include=ppt/slides/slide*.xml", "--include=ppt/notesSlides/notesSlide*.xml",
        "--include=content.xml"},
       true},
      {"catdoc", {"-w", "-d", "utf-8"}}};
  return programs;
}

bool is_program(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

// "" if there is none.
std::string find_program(const std::string& name) {
  if (name.starts_with('/')) return is_program(name) ? name : "";
  for (const char* folder : {"/usr/local/bin/", "/usr/bin/", "/bin/"}) {
    if (is_program(folder + name)) return folder + name;
  }
  return "";
}

}  // namespace

std::vector<ExtractorProgram> find_extractors(const std::vector<std::string>& settings) {
  std::vector<ExtractorProgram> found;
  for (const std::string& text : settings) {
    const auto setting = parse_extractor(text);
    if (!setting) continue;
    const auto same = [&](const ExtractorProgram& one) { return one.kind == setting->kind; };
    const std::string path = find_program(setting->program);
    if (path.empty() || std::ranges::any_of(found, same)) continue;
    ExtractorProgram program{setting->kind, path, {}, false};
    for (const KnownProgram& known : known_programs()) {
      if (known.name != std::filesystem::path(path).filename().string()) continue;
      program.arguments = known.arguments;
      program.xml = known.xml;
    }
    found.push_back(std::move(program));
  }
  return found;
}

}  // namespace posthouse::app
