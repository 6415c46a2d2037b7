#include "wire/jmap/reference.h"

#include <algorithm>

#include "base/ascii.h"
#include "wire/jmap/limits.h"

namespace posthouse::wire::jmap {
namespace {

using Tokens = std::vector<std::string>;

// ~1 is a slash, ~0 a tilde.
std::optional<Tokens> tokens_of(std::string_view path) {
  Tokens tokens;
  if (path.size() > kMaxPointer) return std::nullopt;
  if (path.empty()) return tokens;
  if (path.front() != '/') return std::nullopt;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '/') {
      tokens.emplace_back();
    } else if (path[i] != '~') {
      tokens.back() += path[i];
    } else {
      ++i;
      if (i == path.size() || (path[i] != '0' && path[i] != '1')) return std::nullopt;
      tokens.back() += path[i] == '0' ? '~' : '/';
    }
  }
  return tokens;
}

bool count_member(const json::key_value_pair& member, Copied& copied);

// False once there is too much.
bool count(const json::value& value, Copied& copied) {
  if (++copied.values > kMaxReferredValues) return false;
  if (const json::string* text = value.if_string()) copied.octets += text->size();
  if (copied.octets > kMaxReferredOctets) return false;
  if (const json::array* list = value.if_array()) {
    return std::all_of(list->begin(), list->end(),
                       [&](const json::value& one) { return count(one, copied); });
  }
  const json::object* object = value.if_object();
  if (object == nullptr) return true;
  return std::all_of(object->begin(), object->end(),
                     [&](const auto& one) { return count_member(one, copied); });
}

bool count_member(const json::key_value_pair& member, Copied& copied) {
  copied.octets += member.key().size();
  return count(member.value(), copied);
}

const json::value* element(const json::array& list, const std::string& token) {
  if (token.empty() || (token.size() > 1 && token.front() == '0')) return nullptr;
  const auto index = parse_uint(token);
  return index && *index < list.size() ? &list[*index] : nullptr;
}

class Evaluation {
 public:
  Evaluation(const Tokens& tokens, Copied& copied) : tokens_(tokens), copied_(copied) {}

  std::optional<json::value> from(const json::object& object, size_t token) {
    if (token == tokens_.size()) {
      const bool fits = std::all_of(object.begin(), object.end(),
                                    [&](const auto& member) { return count_member(member, copied_); });
      return fits ? std::optional<json::value>(object) : std::nullopt;
    }
    const json::value* next = object.if_contains(tokens_[token]);
    return next == nullptr ? std::nullopt : from(*next, token + 1);
  }

 private:
  std::optional<json::value> from(const json::value& value, size_t token) {
    if (const json::object* object = value.if_object()) return from(*object, token);
    if (token == tokens_.size())
      return count(value, copied_) ? std::optional<json::value>(value) : std::nullopt;
    const json::array* list = value.if_array();
    if (list == nullptr) return std::nullopt;
    if (tokens_[token] == "*") return mapped(*list, token + 1);
    const json::value* next = element(*list, tokens_[token]);
    return next == nullptr ? std::nullopt : from(*next, token + 1);
  }

  // The results of all, and the elements of those that are arrays.
  std::optional<json::value> mapped(const json::array& list, size_t token) {
    json::array out;
    for (const json::value& one : list) {
      std::optional<json::value> result = from(one, token);
      if (!result) return std::nullopt;
      if (json::array* several = result->if_array()) {
        std::move(several->begin(), several->end(), std::back_inserter(out));
      } else {
        out.push_back(std::move(*result));
      }
    }
    return json::value(std::move(out));
  }

  const Tokens& tokens_;
  Copied& copied_;
};

std::unexpected<CallError> invalid_reference(std::string why) {
  return std::unexpected(CallError{"invalidResultReference", std::move(why)});
}

std::expected<json::value, CallError> resolve(const json::value& reference,
                                              const std::vector<Invocation>& responses, Copied& copied) {
  const json::object* parts = reference.if_object();
  const auto text = [&](const char* key) -> const json::string* {
    const json::value* found = parts == nullptr ? nullptr : parts->if_contains(key);
    return found == nullptr ? nullptr : found->if_string();
  };
  const json::string *of = text("resultOf"), *name = text("name"), *path = text("path");
  if (of == nullptr || name == nullptr || path == nullptr) return invalid_reference("no ResultReference");
  const auto response =
      std::ranges::find_if(responses, [&](const Invocation& r) { return std::string_view(*of) == r.id; });
  if (response == responses.end()) return invalid_reference("no response to such a call");
  if (std::string_view(*name) != response->name)
    return invalid_reference("that response is " + response->name);
  std::optional<json::value> found = point_into(response->arguments, *path, copied);
  if (!found) return invalid_reference("the path leads nowhere, or to too much");
  return std::move(*found);
}

}  // namespace

std::optional<json::value> point_into(const json::object& response, std::string_view path, Copied& copied) {
  const std::optional<Tokens> tokens = tokens_of(path);
  if (!tokens) return std::nullopt;
  return Evaluation(*tokens, copied).from(response, 0);
}

std::expected<void, CallError> resolve_references(json::object& arguments,
                                                  const std::vector<Invocation>& responses, Copied& copied) {
  std::vector<std::pair<std::string, json::value>> resolved;
  for (const auto& [key, value] : arguments) {
    if (!key.starts_with('#')) continue;
    const std::string name(key.substr(1));
    if (arguments.contains(name)) {
      return std::unexpected(CallError{"invalidArguments", "an argument and a reference for it: " + name});
    }
    if (resolved.size() == kMaxReferencesInCall) return invalid_reference("too many references");
    auto found = resolve(value, responses, copied);
    if (!found) return std::unexpected(found.error());
    resolved.emplace_back(name, std::move(*found));
  }
  for (auto& [name, value] : resolved) {
    arguments.erase("#" + name);
    arguments[name] = std::move(value);
  }
  return {};
}

}  // namespace posthouse::wire::jmap
