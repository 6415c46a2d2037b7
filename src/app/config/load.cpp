// The only file that knows toml++.
#include "app/config/load.h"

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "app/config/options.h"
#include "app/config/units.h"
#include "base/ascii.h"

namespace posthouse::app {
namespace {

using K = OptionKind;

// Options whose text is a path, which is taken from the file's folder when it is relative.
constexpr std::string_view kPathOptions[] = {"server.data_directory", "server.control_socket",
                                             "tls.ca_file",           "smarthost.password_file",
                                             "resolver.trust_anchor", "log.file"};

constexpr size_t kLargestFile = 1 << 20;

std::string absolute(const std::string& path, const std::filesystem::path& folder) {
  if (path.empty() || path.front() == '/' || folder.empty()) return path;
  return (folder / path).lexically_normal().string();
}

// Puts one TOML value into the field of its option; false when it does not fit.
struct Setter {
  Config& config;
  const Option& option;
  const toml::node& node;
  std::filesystem::path folder;

  bool in_range(uint64_t v) const {
    return (option.least == 0 && option.most == 0) || (v >= option.least && v <= option.most);
  }
  std::optional<seconds> duration(const toml::node& from) const {
    const auto* text = from.as_string();
    auto value = text != nullptr ? parse_duration(text->get()) : std::nullopt;
    if (!value || !in_range(static_cast<uint64_t>(value->count()))) return std::nullopt;
    return value;
  }

  bool operator()(std::string& (*field)(Config&)) const {
    const auto* text = node.as_string();
    if (text == nullptr || text->get().find('\0') != std::string::npos) return false;
    if (option.kind == K::choice) {
      auto words = split(option.choices, ' ');
      if (std::find(words.begin(), words.end(), text->get()) == words.end()) return false;
    }
    bool is_path =
        std::find(std::begin(kPathOptions), std::end(kPathOptions), option.key) != std::end(kPathOptions);
    field(config) = is_path ? absolute(text->get(), folder) : text->get();
    return true;
  }
  bool operator()(bool& (*field)(Config&)) const {
    const auto* value = node.as_boolean();
    if (value != nullptr) field(config) = value->get();
    return value != nullptr;
  }
  bool operator()(uint64_t& (*field)(Config&)) const {
    std::optional<uint64_t> number;
    if (option.kind == K::bytes) {
      if (const auto* text = node.as_string()) number = parse_size(text->get());
    } else if (const auto* value = node.as_integer(); value != nullptr && value->get() >= 0) {
      number = static_cast<uint64_t>(value->get());
    }
    if (!number || !in_range(*number)) return false;
    field(config) = *number;
    return true;
  }
  bool operator()(seconds& (*field)(Config&)) const {
    auto value = duration(node);
    if (value) field(config) = *value;
    return value.has_value();
  }
  bool operator()(std::vector<seconds>& (*field)(Config&)) const {
    const auto* list = node.as_array();
    if (list == nullptr || list->empty()) return false;
    std::vector<seconds> values;
    for (const toml::node& item : *list) {
      auto value = duration(item);
      if (!value) return false;
      values.push_back(*value);
    }
    field(config) = std::move(values);
    return true;
  }
  bool operator()(std::vector<std::string>& (*field)(Config&)) const {
    const auto* list = node.as_array();
    if (list == nullptr) return false;
    std::vector<std::string> values;
    for (const toml::node& item : *list) {
      if (!item.is_string()) return false;
      values.push_back(item.as_string()->get());
    }
    field(config) = std::move(values);
    return true;
  }
  bool operator()(Listen& (*field)(Config&)) const {
    Listen values;
    if (const auto* text = node.as_string()) {
      if (text->get() != "off") return false;
    } else if (const auto* list = node.as_array()) {
      for (const toml::node& item : *list) {
        auto endpoint = item.is_string() ? parse_endpoint(item.as_string()->get()) : std::nullopt;
        if (!endpoint) return false;
        values.push_back(*endpoint);
      }
    } else {
      return false;
    }
    field(config) = std::move(values);
    return true;
  }
  bool operator()(std::vector<CertificateFiles>& (*field)(Config&)) const {
    const auto* list = node.as_array();
    if (list == nullptr) return false;
    std::vector<CertificateFiles> values;
    for (const toml::node& item : *list) {
      const auto* table = item.as_table();
      if (table == nullptr || table->size() != 2) return false;
      const auto* chain = table->get_as<std::string>("chain");
      const auto* key = table->get_as<std::string>("key");
      if (chain == nullptr || key == nullptr) return false;
      values.push_back({absolute(chain->get(), folder), absolute(key->get(), folder)});
    }
    field(config) = std::move(values);
    return true;
  }
};

const Option* find_option(std::string_view key) {
  auto all = options();
  auto found = std::find_if(all.begin(), all.end(), [&](const Option& o) { return o.key == key; });
  return found == all.end() ? nullptr : &*found;
}

bool is_section(std::string_view name) {
  auto all = sections();
  return std::any_of(all.begin(), all.end(), [&](const Section& s) { return s.name == name; });
}

// How many letters must change, come or go to make `b` of `a`.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row[b.size()];
}

// A known key that looks like the unknown one: the same name in another section, or at most two letters off.
std::string suggestion(std::string_view key) {
  constexpr size_t kFarthest = 2, kLongest = 64;
  if (key.size() > kLongest) return "";
  std::string_view name = key.substr(key.rfind('.') + 1);
  std::string_view best;
  size_t nearest = kFarthest + 1;
  for (const Option& option : options()) {
    bool same_name = option.key.substr(option.key.find('.') + 1) == name;
    size_t away = same_name ? 0 : distance(key, option.key);
    if (away < nearest) {
      nearest = away;
      best = option.key;
    }
  }
  return best.empty() ? "" : fmt::format("; did you mean {}?", best);
}

class Reader {
 public:
  Reader(Loaded& out, std::string file, std::filesystem::path folder)
      : out_(out), file_(std::move(file)), folder_(std::move(folder)) {}

  void read(const toml::table& root) {
    for (const auto& [key, node] : root) {
      const auto* table = node.as_table();
      if (!is_section(key.str()) || table == nullptr) {
        std::string what = is_section(key.str()) ? fmt::format("expected a section [{}]", key.str())
                                                 : fmt::format("unknown section{}", suggestion(key.str()));
        problem(key.source().begin.line, std::string(key.str()), std::move(what));
        continue;
      }
      for (const auto& [name, value] : *table) {
        set(fmt::format("{}.{}", key.str(), name.str()), name.source().begin.line, value);
      }
    }
  }

  void problem(uint32_t line, std::string key, std::string what) {
    out_.problems.push_back({file_, line, std::move(key), std::move(what)});
  }

 private:
  void set(std::string key, uint32_t line, const toml::node& node) {
    const Option* option = find_option(key);
    if (option == nullptr) {
      problem(line, key, "unknown key" + suggestion(key));
      return;
    }
    if (!std::visit(Setter{out_.config, *option, node, folder_}, option->field)) {
      problem(node.source().begin.line, key, "expected " + expected(*option));
    }
  }

  Loaded& out_;
  std::string file_;
  std::filesystem::path folder_;
};

void read_text(Loaded& out, std::string_view text, const std::string& file,
               const std::filesystem::path& folder) {
  Reader reader(out, file, folder);
  toml::parse_result parsed = toml::parse(text, file);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    reader.problem(error.source().begin.line, "", std::string(error.description()));
    return;
  }
  reader.read(parsed.table());
}

// Rules that concern several options.
void check_together(Loaded& out, const std::string& file) {
  Reader reader(out, file, {});
  const Config& c = out.config;
  auto loopback_only = [&](const Listen& listen, const char* key, const char* why) {
    for (const Endpoint& endpoint : listen) {
      if (!endpoint.ip.is_loopback()) {
        reader.problem(
            0, key, fmt::format("expected loopback addresses only, not {}: {}", endpoint.to_string(), why));
      }
    }
  };
  loopback_only(c.listen.lmtp, "listen.lmtp", "anyone who can connect may deliver there");
  loopback_only(c.listen.metrics, "listen.metrics", "anyone who can connect may read them");
  if (c.auth.plain_without_tls) {
    const char* why = "auth.plain_without_tls is on";
    loopback_only(c.listen.smtp, "listen.smtp", why);
    loopback_only(c.listen.submission, "listen.submission", why);
    loopback_only(c.listen.imap, "listen.imap", why);
  }
  if (!c.smarthost.user.empty() && c.smarthost.password_file.empty()) {
    reader.problem(0, "smarthost.password_file", "expected a file, for smarthost.user is set");
  }
  if (c.queue.warn > c.queue.expire) {
    reader.problem(0, "queue.warn", "expected at most queue.expire");
  }
  // sockaddr_un has room for 108 bytes with the closing zero.
  if (control_path(c).size() > 107) {
    reader.problem(0, "server.control_socket",
                   fmt::format("expected a path of at most 107 bytes, not {}", control_path(c)));
  }
}

}  // namespace

std::string ConfigProblem::to_string() const {
  std::string out = file;
  if (line != 0) fmt::format_to(std::back_inserter(out), ":{}", line);
  out += ": ";
  if (!key.empty()) out += key + ": ";
  return out + what;
}

Config default_config() {
  Loaded loaded;
  std::string text;
  for (const Option& option : options()) {
    fmt::format_to(std::back_inserter(text), "{} = {}\n", option.key, option.default_text);
  }
  read_text(loaded, text, "defaults", {});
  return loaded.config;
}

Loaded parse_config(std::string_view text, const std::string& file) {
  Loaded out;
  out.config = default_config();
  std::error_code ignored;
  read_text(out, text, file, std::filesystem::absolute(file, ignored).parent_path());
  if (out.problems.empty()) check_together(out, file);
  std::sort(out.problems.begin(), out.problems.end(), [](const ConfigProblem& a, const ConfigProblem& b) {
    return std::tie(a.line, a.key) < std::tie(b.line, b.key);
  });
  return out;
}

Loaded load_config(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text;
  if (in) {
    text.resize(kLargestFile + 1);
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(in.gcount()));
  }
  Loaded out;
  out.config = default_config();
  if (!in.is_open() || in.bad()) {
    out.problems.push_back({path, 0, "", fmt::format("can't be read: {}", std::strerror(errno))});
  } else if (text.size() > kLargestFile) {
    out.problems.push_back({path, 0, "", "is larger than 1 MiB"});
  } else {
    return parse_config(text, path);
  }
  return out;
}

void apply_settings(Loaded& loaded, const std::vector<std::string>& settings) {
  size_t before = loaded.problems.size();
  for (const std::string& setting : settings) read_text(loaded, setting, "--set " + setting, {});
  for (size_t i = before; i < loaded.problems.size(); ++i) loaded.problems[i].line = 0;  // there is but one
  if (loaded.problems.size() == before && before == 0) check_together(loaded, "--set");
}

}  // namespace posthouse::app
