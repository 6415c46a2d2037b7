#include "app/config/check.h"

#include <filesystem>

#include "app/config/units.h"
#include "base/ascii.h"

namespace posthouse::app {
namespace {

// sockaddr_un has room for 108 bytes with the closing zero.
constexpr size_t kLongestSocketPath = 107;

struct Named {
  const char* key;
  const Listen& listen;
};

class Check {
 public:
  explicit Check(Loaded& loaded) : loaded_(loaded), config_(loaded.config) {}

  void all() {
    loopback_only({"listen.lmtp", config_.listen.lmtp}, "anyone who can connect may deliver there", {});
    loopback_only({"listen.metrics", config_.listen.metrics}, "anyone who can connect may read them", {});
    if (config_.auth.plain_without_tls) plain_logins();
    each_address_once();
    smarthost_login();
    warning_before_the_end();
    control_socket();
    full_name();
    folder_of_its_own();
    port_of_the_smarthost();
    one_way_to_resolve();
    tokens();
    message_limits();
    places_of_files();
  }

 private:
  using Causes = std::initializer_list<std::string_view>;

  void problem(const char* key, std::string what, Causes causes = {}) {
    loaded_.problems.push_back(loaded_.problem_with(key, std::move(what), causes));
  }
  // For a value that stands nowhere: the reader would look for it in vain.
  const char* by_default(std::string_view key) const {
    return loaded_.places.contains(key) ? "" : " (the default)";
  }

  void loopback_only(const Named& named, const char* why, Causes causes) {
    for (const Endpoint& endpoint : named.listen) {
      if (endpoint.ip.is_loopback()) continue;
      problem(named.key,
              fmt::format("expected loopback addresses only, not {}{}: {}", endpoint.to_string(),
                          by_default(named.key), why),
              causes);
    }
  }

  void plain_logins() {
    const char* why = "auth.plain_without_tls is on";
    loopback_only({"listen.smtp", config_.listen.smtp}, why, {"auth.plain_without_tls"});
    loopback_only({"listen.submission", config_.listen.submission}, why, {"auth.plain_without_tls"});
    loopback_only({"listen.imap", config_.listen.imap}, why, {"auth.plain_without_tls"});
    loopback_only({"listen.pop3", config_.listen.pop3}, why, {"auth.plain_without_tls"});
    loopback_only({"listen.http", config_.listen.http}, why, {"auth.plain_without_tls"});
  }

  // RFC 9738 section 3: limits below 1000 are not to be announced, and one of the two only.
  void message_limits() {
    const Config::Limits& limits = config_.limits;
    constexpr uint64_t kLeast = 1000;
    if (limits.imap_messages != 0 && limits.imap_messages < kLeast)
      problem("limits.imap_messages", fmt::format("expected 0, or {} at least", kLeast));
    if (limits.imap_saves != 0 && limits.imap_saves < kLeast)
      problem("limits.imap_saves", fmt::format("expected 0, or {} at least", kLeast));
    if (limits.imap_messages != 0 && limits.imap_saves != 0)
      problem("limits.imap_saves", "expected 0, for limits.imap_messages is set", {"limits.imap_messages"});
  }

  // Two accounts must not get the same files. One domain needs no more than the local part; that a second one
  // then gives no place twice is seen when accounts are made (TakenPlaces).
  void places_of_files() {
    const Config::Store& store = config_.store;
    place_of_files("store.maildir", store.maildir);
    place_of_files("store.mbox_inbox", store.mbox_inbox);
    place_of_files("store.mbox_folders", store.mbox_folders);
    if (!store.mbox_inbox.empty() && (store.mbox_folders + "/").starts_with(store.mbox_inbox + "/"))
      problem("store.mbox_folders", "expected a folder beside the file that store.mbox_inbox names",
              {"store.mbox_inbox"});
  }

  void place_of_files(const char* key, const std::string& given) {
    if (given.empty()) return;
    bool tells_apart = false;
    for (size_t at = given.find('{'); at != std::string::npos; at = given.find('{', at + 1)) {
      const std::string word = given.substr(at, given.find('}', at) - at + 1);
      tells_apart = tells_apart || word == "{local}" || word == "{address}";
      if (word == "{local}" || word == "{domain}" || word == "{address}") continue;
      return problem(key, fmt::format("expected {{local}}, {{domain}} or {{address}}, not {}", word));
    }
    if (!tells_apart)
      problem(key,
              "expected {local} (with {domain}, if there are several) or {address} in it: each account "
              "needs files of its own");
  }

  // One socket only can have an address; 0.0.0.0 has those of IPv4, [::] those of IPv6.
  static bool clash(const Endpoint& a, const Endpoint& b) {
    bool same_ip = a.ip == b.ip || (a.ip.v6 == b.ip.v6 && (a.ip.is_any() || b.ip.is_any()));
    return a.port != 0 && a.port == b.port && same_ip;
  }

  void each_address_once() {
    const Config::Listeners& l = config_.listen;
    const Named services[] = {{"listen.smtp", l.smtp},
                              {"listen.submission", l.submission},
                              {"listen.submissions", l.submissions},
                              {"listen.imap", l.imap},
                              {"listen.imaps", l.imaps},
                              {"listen.pop3", l.pop3},
                              {"listen.pop3s", l.pop3s},
                              {"listen.http", l.http},
                              {"listen.https", l.https},
                              {"listen.lmtp", l.lmtp},
                              {"listen.metrics", l.metrics}};
    std::vector<std::pair<const char*, Endpoint>> seen;
    for (const Named& service : services) {
      for (const Endpoint& at : service.listen) {
        auto other =
            std::find_if(seen.begin(), seen.end(), [&](const auto& s) { return clash(s.second, at); });
        if (other != seen.end()) taken_twice(service.key, at, other->first, other->second);
        seen.emplace_back(service.key, at);
      }
    }
  }

  void taken_twice(const char* key, const Endpoint& at, const char* other, const Endpoint& there) {
    // The one that stands in the file is to change, not the default.
    bool only_other = !loaded_.places.contains(key) && loaded_.places.contains(other);
    problem(only_other ? other : key,
            fmt::format("expected each address once, not {}: {}{} has {}",
                        (only_other ? there : at).to_string(), only_other ? key : other,
                        by_default(only_other ? key : other), (only_other ? at : there).to_string()));
  }

  void smarthost_login() {
    const Config::Smarthost& smarthost = config_.smarthost;
    if (smarthost.host.empty()) {
      const char* key = !smarthost.user.empty()            ? "smarthost.user"
                        : !smarthost.password_file.empty() ? "smarthost.password_file"
                                                           : nullptr;
      if (key != nullptr)
        problem("smarthost.host", fmt::format("expected a host, for {} is set", key), {key});
    }
    if (smarthost.user.empty() && !smarthost.password_file.empty()) {
      problem("smarthost.user", "expected a name, for smarthost.password_file is set",
              {"smarthost.password_file"});
    }
    if (!smarthost.user.empty() && smarthost.password_file.empty())
      problem("smarthost.password_file", "expected a file, for smarthost.user is set", {"smarthost.user"});
    const bool remote = !smarthost.host.empty() && !is_this_machine(smarthost.host);
    if (!smarthost.user.empty() && smarthost.tls == "none" && remote) {
      problem(
          "smarthost.tls",
          fmt::format("expected \"starttls\" or \"implicit\", not \"none\": the password would not be sent "
                      "to {}, and so no letter",
                      smarthost.host));
    }
  }

  static bool is_this_machine(std::string_view host) {
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    if (host.ends_with('.')) host.remove_suffix(1);
    const auto ip = IpAddress::parse(host);
    return ip ? ip->is_loopback() : iequals(host, "localhost");
  }

  void warning_before_the_end() {
    if (config_.queue.warn <= config_.queue.expire) return;
    problem("queue.warn",
            fmt::format("expected at most queue.expire, which is \"{}\"{}, not \"{}\"{}",
                        format_duration(config_.queue.expire), by_default("queue.expire"),
                        format_duration(config_.queue.warn), by_default("queue.warn")),
            {"queue.expire"});
  }

  void control_socket() {
    std::string path = control_path(config_);
    if (path.size() <= kLongestSocketPath) return;
    problem("server.control_socket",
            fmt::format("expected a path of at most {} bytes, not {}{}", kLongestSocketPath, path,
                        by_default("server.control_socket")),
            {"server.data_directory"});
  }

  // Other hosts look for it, and many turn away who greets with less (RFC 5321 section 2.3.5).
  void full_name() {
    const std::string& name = config_.server.hostname;
    if (name.empty() || name == "localhost" || name.find('.') != std::string::npos) return;
    problem("server.hostname",
            fmt::format("expected a full name such as {}.example.org, not \"{}\": other hosts look it up",
                        name, name));
  }

  // Who serves may read and write all of it.
  void folder_of_its_own() {
    if (std::filesystem::path(config_.server.data_directory).lexically_normal() != "/") return;
    problem("server.data_directory", "expected a folder of its own, not /");
  }

  // RFC 8314 section 3.3: TLS from the first byte has a port of its own. Only a setting that says one thing
  // and leaves the other at its default is a mistake for sure.
  void port_of_the_smarthost() {
    const Config::Smarthost& smarthost = config_.smarthost;
    if (smarthost.host.empty()) return;
    bool implicit = smarthost.tls == "implicit";
    if (implicit && smarthost.port == 587 && !loaded_.places.contains("smarthost.port")) {
      problem("smarthost.port",
              "expected the port for TLS from the first byte, usually 465, not 587 (the default)",
              {"smarthost.tls"});
    }
    if (!implicit && smarthost.port == 465 && !loaded_.places.contains("smarthost.tls")) {
      problem("smarthost.tls", "expected \"implicit\" for port 465, not \"starttls\" (the default)",
              {"smarthost.port"});
    }
  }

  void one_way_to_resolve() {
    if (!config_.resolver.recursive || config_.resolver.servers.empty()) return;
    problem("resolver.servers", "expected no name servers, for resolver.recursive is true");
  }

  // A token, and the secret that asks about it, are passwords.
  void tokens() {
    const Config::OAuth& oauth = config_.oauth;
    const std::string& url = oauth.introspection_url;
    if (url.empty()) {
      const char* key = !oauth.client_id.empty()            ? "oauth.client_id"
                        : !oauth.client_secret_file.empty() ? "oauth.client_secret_file"
                        : !oauth.scope.empty()              ? "oauth.scope"
                        : !oauth.audience.empty()           ? "oauth.audience"
                                                            : nullptr;
      if (key != nullptr)
        problem("oauth.introspection_url", fmt::format("expected a URL, for {} is set", key), {key});
      return;
    }
    const bool secure = istarts_with(url, "https://");
    std::string_view host = url;
    host.remove_prefix(std::min(host.size(), size_t{secure ? 8u : 7u}));
    host = host.substr(0, host.find_first_of("/?"));
    if (!host.starts_with('[')) {
      host = host.substr(0, host.find(':'));
    } else {
      host = host.substr(0, host.find(']') + 1);
    }
    if ((!secure && !istarts_with(url, "http://")) || host.empty()) {
      problem("oauth.introspection_url", fmt::format("expected a URL such as "
                                                     "\"https://id.example.org/introspect\", not \"{}\"",
                                                     url));
    } else if (!secure && !is_this_machine(host)) {
      problem("oauth.introspection_url",
              fmt::format("expected https://, for everybody on the way to {} could read the tokens", host));
    }
    if (oauth.username_claim.empty()) problem("oauth.username_claim", "expected the name of a claim");
    if (oauth.client_id.empty() && !oauth.client_secret_file.empty()) {
      problem("oauth.client_id", "expected a name, for oauth.client_secret_file is set",
              {"oauth.client_secret_file"});
    }
    if (oauth.client_id.find_first_of(":\r\n") != std::string::npos)
      problem("oauth.client_id", "expected a name without a colon");
  }

  Loaded& loaded_;
  const Config& config_;
};

}  // namespace

void check_together(Loaded& loaded) {
  Check(loaded).all();
}

}  // namespace posthouse::app
