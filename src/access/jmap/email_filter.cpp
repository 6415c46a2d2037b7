#include "access/jmap/email_filter.h"

#include <boost/json/array.hpp>

#include "access/jmap/arguments.h"
#include "access/jmap/letters.h"
#include "access/jmap/limits.h"
#include "access/jmap/query_words.h"
#include "access/jmap/utc_date.h"
#include "access/object_ids.h"
#include "base/ascii.h"

namespace posthouse::access::jmap {
namespace {

using catalog::SheetRow;
using wire::jmap::CallError;

constexpr std::pair<std::string_view, Needle::Where> kTexts[] = {
    {"text", Needle::Where::text}, {"from", Needle::Where::from}, {"to", Needle::Where::to},
    {"cc", Needle::Where::cc},     {"bcc", Needle::Where::bcc},   {"subject", Needle::Where::subject},
    {"body", Needle::Where::body},
};

Truth truth(bool yes) {
  return yes ? Truth::yes : Truth::no;
}

uint8_t system_flag(std::string_view keyword) {
  if (keyword == "$seen") return store::kSeen;
  if (keyword == "$flagged") return store::kFlagged;
  if (keyword == "$answered") return store::kAnswered;
  if (keyword == "$draft") return store::kDraft;
  return 0;
}

}  // namespace

bool is_system_keyword(std::string_view keyword) {
  return system_flag(keyword) != 0;
}

bool has_keyword(std::span<const SheetRow> letter, const KeywordSets& sets, std::string_view keyword) {
  const uint8_t flag = system_flag(keyword);
  if (flag == 0) {
    const auto set = sets.find(keyword);
    return set != sets.end() && set->second.contains(letter.front().email);
  }
  const auto has = [flag](const SheetRow& row) { return (row.flags & flag) != 0; };
  return flag == store::kSeen ? std::ranges::all_of(letter, has) : std::ranges::any_of(letter, has);
}

Share share_with_keyword(std::span<const SheetRow> thread, const KeywordSets& sets,
                         std::string_view keyword) {
  size_t with = 0, letters = 0;
  for (size_t at = 0; at < thread.size();) {
    size_t end = at + 1;
    while (end < thread.size() && thread[end].email == thread[at].email) ++end;
    ++letters;
    with += has_keyword(thread.subspan(at, end - at), sets, keyword) ? 1 : 0;
    at = end;
  }
  if (with == 0) return Share::none;
  return with == letters ? Share::all : Share::some;
}

std::expected<EmailFilter, CallError> EmailFilter::parse(const json::object* filter) {
  EmailFilter out;
  if (filter == nullptr) return out;
  auto tree = parse_filter(*filter);
  if (!tree) return std::unexpected(std::move(tree.error()));
  Parsed root = out.compile(*tree);
  if (!root) return std::unexpected(std::move(root.error()));
  out.root_ = std::move(*root);
  return out;
}

EmailFilter::Parsed EmailFilter::compile(const FilterTree& tree) {
  if (tree.kind == FilterTree::Kind::condition) return compile_condition(*tree.condition);
  Node out;
  if (tree.kind == FilterTree::Kind::any) out.kind = Node::Kind::any;
  if (tree.kind == FilterTree::Kind::none) out.kind = Node::Kind::none;
  for (const FilterTree& part : tree.parts) {
    Parsed node = compile(part);
    if (!node) return node;
    out.parts.push_back(std::move(*node));
  }
  return out;
}

EmailFilter::Parsed EmailFilter::compile_condition(const json::object& condition) {
  Node out;
  for (const auto& one : condition) {
    const std::string_view name = one.key();
    std::optional<Node> node = compile_place(name, one.value());
    if (!node) node = compile_number(name, one.value());
    if (!node) node = compile_keyword(name, one.value());
    if (!node) node = compile_text(name, one.value());
    if (!node)
      return std::unexpected(CallError{"unsupportedFilter", fmt::format("not by such a \"{}\"", name)});
    out.parts.push_back(std::move(*node));
  }
  // What costs a look at letters comes last.
  std::ranges::sort(out.parts, {}, [](const Node& node) {
    return node.kind == Node::Kind::all || node.kind >= Node::Kind::attachment;
  });
  if (needles_.size() > kMaxNeedles)
    return std::unexpected(CallError{"unsupportedFilter", "it has too many texts"});
  return out;
}

std::optional<EmailFilter::Node> EmailFilter::compile_place(std::string_view name, const json::value& value) {
  Node node;
  if (name == "inMailbox" && value.is_string()) {
    node.kind = Node::Kind::in_mailbox;
    // One that is not there has no letters.
    node.mailboxes.insert(parse_mailbox_id(std::string_view(value.get_string())).value_or(0));
  } else if (name == "inMailboxOtherThan" && value.is_array()) {
    node.kind = Node::Kind::in_other;
    for (const json::value& one : value.get_array()) {
      if (!one.is_string()) return std::nullopt;
      node.mailboxes.insert(parse_mailbox_id(std::string_view(one.get_string())).value_or(0));
    }
  } else {
    return std::nullopt;
  }
  immutable_ = false;
  return node;
}

std::optional<EmailFilter::Node> EmailFilter::compile_number(std::string_view name,
                                                             const json::value& value) {
  Node node;
  if (name == "before" || name == "after") {
    node.kind = name == "before" ? Node::Kind::before : Node::Kind::after;
    const auto date = value.is_string() ? parse_utc_date(value.get_string()) : std::nullopt;
    if (!date) return std::nullopt;
    node.number = date->time_since_epoch().count();
  } else if (name == "minSize" || name == "maxSize") {
    node.kind = name == "minSize" ? Node::Kind::min_size : Node::Kind::max_size;
    const std::optional<int64_t> size = integer_of(value);
    if (!size || *size < 0) return std::nullopt;
    node.number = *size;
  } else if (name == "hasAttachment" && value.is_bool()) {
    node.kind = Node::Kind::attachment;
    node.number = value.get_bool() ? 1 : 0;
  } else {
    return std::nullopt;
  }
  return node;
}

std::optional<EmailFilter::Node> EmailFilter::compile_keyword(std::string_view name,
                                                              const json::value& value) {
  static constexpr std::pair<std::string_view, Node::Kind> kKinds[] = {
      {"allInThreadHaveKeyword", Node::Kind::all_have},
      {"someInThreadHaveKeyword", Node::Kind::some_have},
      {"noneInThreadHaveKeyword", Node::Kind::none_have},
      {"hasKeyword", Node::Kind::has},
      {"notKeyword", Node::Kind::has_not},
  };
  const auto* kind = std::ranges::find(kKinds, name, [](const auto& one) { return one.first; });
  if (kind == std::end(kKinds) || !value.is_string()) return std::nullopt;
  Node node;
  node.kind = kind->second;
  node.keyword = to_lower(std::string_view(value.get_string()));
  if (!flags_of({node.keyword})) return std::nullopt;
  if (!is_system_keyword(node.keyword)) keywords_.insert(node.keyword);
  by_thread_ = by_thread_ || (node.kind != Node::Kind::has && node.kind != Node::Kind::has_not);
  immutable_ = false;
  return node;
}

EmailFilter::Node EmailFilter::needle(Needle wanted) {
  Node node;
  node.kind = Node::Kind::needle;
  const auto at = std::ranges::find(needles_, wanted);
  node.needle = static_cast<size_t>(at - needles_.begin());
  if (at == needles_.end()) needles_.push_back(std::move(wanted));
  return node;
}

std::optional<EmailFilter::Node> EmailFilter::compile_text(std::string_view name, const json::value& value) {
  Node out;  // all of its words
  if (name == "header") {
    const json::array* list = value.if_array();
    if (list == nullptr || list->empty() || list->size() > 2) return std::nullopt;
    for (const json::value& one : *list) {
      if (!one.is_string()) return std::nullopt;
    }
    Needle wanted{Needle::Where::header, std::string(list->front().get_string()), ""};
    if (list->size() == 2) wanted.text = std::string(list->back().get_string());
    out.parts.push_back(needle(std::move(wanted)));
    return out;
  }
  const auto* where = std::ranges::find(kTexts, name, [](const auto& one) { return one.first; });
  if (where == std::end(kTexts) || !value.is_string()) return std::nullopt;
  for (std::string& word : query_words(value.get_string()))
    out.parts.push_back(needle({where->second, "", std::move(word)}));
  return out;
}

// AND and NOT are settled by one answer, OR by another; nothing else matters then.
Truth EmailFilter::ask(const Node& node, const EmailFacts& facts) const {
  using Kind = Node::Kind;
  if (node.kind == Kind::needle) return facts.needles[node.needle];
  if (node.kind == Kind::attachment) {
    if (facts.has_attachment == Truth::unknown) return Truth::unknown;
    return truth((facts.has_attachment == Truth::yes) == (node.number != 0));
  }
  if (node.kind != Kind::all && node.kind != Kind::any && node.kind != Kind::none)
    return truth(holds(node, facts));
  const Truth settles = node.kind == Kind::all ? Truth::no : Truth::yes;
  bool unknown = false;
  for (const Node& part : node.parts) {
    const Truth answer = ask(part, facts);
    if (answer == settles) return truth(node.kind == Kind::any);
    unknown = unknown || answer == Truth::unknown;
  }
  if (unknown) return Truth::unknown;
  return truth(node.kind != Kind::any);
}

bool EmailFilter::holds(const Node& node, const EmailFacts& facts) {
  using Kind = Node::Kind;
  const SheetRow& first = facts.rows.front();
  const auto listed = [&](const SheetRow& row) { return node.mailboxes.contains(row.mailbox); };
  const auto share = [&] {
    return share_with_keyword(facts.sheet.thread(first.thread), facts.keywords, node.keyword);
  };
  switch (node.kind) {
    case Kind::in_mailbox:
      return std::ranges::any_of(facts.rows, listed);
    case Kind::in_other:
      return !std::ranges::all_of(facts.rows, listed);
    case Kind::before:
      return first.received < node.number;
    case Kind::after:
      return first.received >= node.number;
    case Kind::min_size:
      return first.size >= node.number;
    case Kind::max_size:
      return first.size < node.number;
    case Kind::has:
      return has_keyword(facts.rows, facts.keywords, node.keyword);
    case Kind::has_not:
      return !has_keyword(facts.rows, facts.keywords, node.keyword);
    case Kind::all_have:
      return share() == Share::all;
    case Kind::some_have:
      return share() != Share::none;
    case Kind::none_have:
      return share() == Share::none;
    default:
      return false;
  }
}

}  // namespace posthouse::access::jmap
