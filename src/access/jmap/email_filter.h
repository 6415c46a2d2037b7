// Which letters a query is for (RFC 8621 section 4.4.1).
#pragma once

#include <expected>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "access/jmap/filter_tree.h"
#include "catalog/sheet.h"
#include "search/index.h"

namespace posthouse::access::jmap {

using search::Truth;

// A text that is looked for.
struct Needle {
  enum class Where { text, from, to, cc, bcc, subject, body, header };
  Where where = Where::text;
  std::string field{};  // of the header
  std::string text;     // "": the field is there
  bool operator==(const Needle&) const = default;
};

// Which letters have keywords that the sheet does not tell of.
using KeywordSets = std::map<std::string, std::set<catalog::EmailId>, std::less<>>;

// Whether a letter has a keyword (in lower case): seen when all its copies are, else when one of them has it.
bool has_keyword(std::span<const catalog::SheetRow> letter, const KeywordSets& sets,
                 std::string_view keyword);
// How many of a conversation's letters have it: none, some, all.
enum class Share { none, some, all };
Share share_with_keyword(std::span<const catalog::SheetRow> thread, const KeywordSets& sets,
                         std::string_view keyword);
// Whether the sheet tells of it.
bool is_system_keyword(std::string_view keyword);

// What is known of a letter so far. What is missing makes an answer unknown.
struct EmailFacts {
  const catalog::Sheet& sheet;
  std::span<const catalog::SheetRow> rows;
  const KeywordSets& keywords;
  Truth has_attachment = Truth::unknown;
  std::vector<Truth> needles{};  // of each of EmailFilter::needles()
};

class EmailFilter {
 public:
  // `filter`: nullptr for all letters. unsupportedFilter, invalidArguments.
  static std::expected<EmailFilter, wire::jmap::CallError> parse(const json::object* filter);

  Truth ask(const EmailFacts& facts) const { return ask(root_, facts); }
  const std::vector<Needle>& needles() const { return needles_; }
  // Keywords that KeywordSets must have.
  const std::set<std::string>& keywords() const { return keywords_; }
  // What other letters of its conversation are like matters.
  bool by_thread() const { return by_thread_; }
  // It asks for nothing that can change.
  bool immutable() const { return immutable_; }

 private:
  struct Node;
  using Parsed = std::expected<Node, wire::jmap::CallError>;
  struct Node {
    enum class Kind {
      all,
      any,
      none,  // operators
      in_mailbox,
      in_other,
      before,
      after,
      min_size,
      max_size,
      all_have,
      some_have,
      none_have,
      has,
      has_not,
      attachment,
      needle,
    };
    Kind kind = Kind::all;
    std::vector<Node> parts{};
    std::set<store::MailboxId> mailboxes{};
    int64_t number = 0;
    std::string keyword{};
    size_t needle = 0;
  };

  Parsed compile(const FilterTree& tree);
  Parsed compile_condition(const json::object& condition);
  // Nothing when the name or the value is not one of that kind.
  std::optional<Node> compile_place(std::string_view name, const json::value& value);
  std::optional<Node> compile_number(std::string_view name, const json::value& value);
  std::optional<Node> compile_keyword(std::string_view name, const json::value& value);
  std::optional<Node> compile_text(std::string_view name, const json::value& value);
  Node needle(Needle wanted);
  Truth ask(const Node& node, const EmailFacts& facts) const;
  static bool holds(const Node& node, const EmailFacts& facts);

  Node root_{};
  std::vector<Needle> needles_;
  std::set<std::string> keywords_;
  bool by_thread_ = false, immutable_ = true;
};

}  // namespace posthouse::access::jmap
