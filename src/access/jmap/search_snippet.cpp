// SearchSnippet/get (RFC 8621 section 5.1).
#include "access/jmap/body_value.h"
#include "access/jmap/email_filter.h"
#include "access/jmap/highlight.h"
#include "access/jmap/letters.h"
#include "access/jmap/limits.h"
#include "access/jmap/methods.h"
#include "access/jmap/standard.h"
#include "base/ascii.h"
#include "message/body_lists.h"
#include "message/encoded_word.h"
#include "message/html_text.h"

namespace posthouse::access::jmap {
namespace {

struct Words {
  std::vector<std::string> subject, body;
};

Words words_of(const EmailFilter& filter) {
  Words out;
  for (const Needle& needle : filter.needles()) {
    const bool everywhere = needle.where == Needle::Where::text;
    if (everywhere || needle.where == Needle::Where::subject) out.subject.push_back(needle.text);
    if (everywhere || needle.where == Needle::Where::body) out.body.push_back(needle.text);
  }
  return out;
}

json::value text_or_null(std::optional<std::string> text) {
  if (!text) return nullptr;
  return json::value(std::move(*text));
}

Task<Result<std::optional<std::string>>> preview_of(const LetterSource& source,
                                                    const message::Summary& summary,
                                                    const std::vector<std::string>& words) {
  std::optional<std::string> out;
  if (words.empty()) co_return out;
  size_t parts = 0;
  for (const message::Part* part : message::body_lists(summary.root).text) {
    if (!iequals(part->type, "text") || ++parts > kSnippetParts) continue;
    Result<json::object> value = co_await body_value(source, *part, kSnippetText);
    if (!value) co_return std::unexpected(value.error());
    std::string text(value->at("value").get_string());
    if (iequals(part->subtype, "html")) {
      std::string plain;
      message::HtmlText html;
      html.feed(text, plain);
      html.finish(plain);
      text = std::move(plain);
    }
    out = highlight_part(text, words, kSnippetOctets);
    if (out) co_return out;
  }
  co_return out;
}

Task<json::object> snippet(const Call& call, const Letter& letter, const Words& words) {
  json::object out;
  out["emailId"] = format_email_id(letter.id);
  out["subject"] = nullptr;
  out["preview"] = nullptr;
  const Result<message::Summary> summary = message::decode(letter.entry().summary);
  if (!summary) co_return out;
  out["subject"] = text_or_null(highlight(message::decode_words(summary->envelope.subject), words.subject));
  const LetterSource source(call.services, call.caller.account, letter.entry());
  Result<std::optional<std::string>> preview = co_await preview_of(source, *summary, words.body);
  if (preview) out["preview"] = text_or_null(std::move(*preview));  // else there is none to be had
  co_return out;
}

}  // namespace

Task<Outcome> search_snippet_get(Call& call) {
  Arguments arguments(call.arguments);
  if (auto wrong = wrong_account(arguments, call)) co_return std::unexpected(std::move(*wrong));
  const auto filter = EmailFilter::parse(arguments.object("filter"));
  if (!filter) co_return std::unexpected(filter.error());
  const std::vector<std::string> named = arguments.required_strings("emailIds");
  if (auto fault = arguments.fault()) co_return std::unexpected(std::move(*fault));
  if (named.size() > kMaxSnippets) co_return refusal("requestTooLarge");
  std::vector<catalog::EmailId> ids;
  json::array not_found;
  for (const std::string& name : named) {
    const std::optional<uint64_t> id = parse_email_id(name);
    if (id) ids.push_back(*id);
    if (!id) not_found.emplace_back(name);
  }
  const Result<catalog::Position> now = co_await call.services.catalog.refresh(call.caller.account);
  if (!now) co_return std::unexpected(call_error(now.error()));
  Result<std::vector<Letter>> letters = co_await read_letters(call.services, call.caller.account, ids, true);
  if (!letters) co_return std::unexpected(call_error(letters.error()));
  const Words words = words_of(*filter);
  json::array list;
  std::set<catalog::EmailId> told;
  for (const Letter& letter : *letters) {
    if (told.insert(letter.id).second) list.emplace_back(co_await snippet(call, letter, words));
  }
  for (const catalog::EmailId id : ids) {
    if (!told.contains(id)) not_found.emplace_back(format_email_id(id));
  }
  json::object out;
  out["accountId"] = account_id(call.caller.account);
  out["list"] = std::move(list);
  out["notFound"] = not_found.empty() ? json::value(nullptr) : json::value(std::move(not_found));
  co_return out;
}

}  // namespace posthouse::access::jmap
