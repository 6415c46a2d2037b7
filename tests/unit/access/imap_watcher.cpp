#include "imap_watcher.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.h"

namespace posthouse::access::imap::test {

namespace {

constexpr size_t kRemembered = 60;  // lines of the dialogue
constexpr std::string_view kContext = "(TAG \"context\")";

std::string set_of(uint32_t first, uint32_t last) {
  return std::to_string(first) + ":" + std::to_string(last);
}

std::string text_of(const Watcher::Flags& flags) {
  std::string out;
  for (const std::string& flag : flags) out += (out.empty() ? "" : " ") + flag;
  return "(" + out + ")";
}

Watcher::Flags some_flags(Dice& dice) {
  static constexpr std::array kAll = {"\\Seen", "\\Deleted", "\\Flagged", "\\Answered", "work", "$Junk"};
  Watcher::Flags flags;
  for (size_t i = dice.roll(3) + 1; i > 0; i--) flags.insert(kAll[dice.roll(kAll.size())]);
  return flags;
}

uint32_t number_in(std::string_view text) {
  return static_cast<uint32_t>(std::stoul(std::string(text)));
}

std::set<uint32_t> numbers_of(std::string_view set) {
  std::set<uint32_t> out;
  for (const std::string_view range : split(set, ',')) {
    const size_t colon = range.find(':');
    const uint32_t first = number_in(range);
    const uint32_t last = colon == std::string_view::npos ? first : number_in(range.substr(colon + 1));
    for (uint32_t number = std::min(first, last); number <= std::max(first, last); number++)
      out.insert(number);
  }
  return out;
}

}  // namespace

std::string take_lines(std::string& text, std::string_view start) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = text.find("\r\n", at);
    if (end == std::string::npos) break;
    const bool found = std::string_view(text).substr(at).starts_with(start);
    at = end + 2;
    if (!found) continue;
    std::string lines = text.substr(0, at);
    text.erase(0, at);
    return lines;
  }
  return "";
}

Watcher::Watcher(std::unique_ptr<Wire> wire, Dialect dialect) : wire_(std::move(wire)), dialect_(dialect) {
  if (dialect_ == Dialect::rev2) command("ENABLE IMAP4rev2", false);
  if (dialect_ == Dialect::qresync) command("ENABLE QRESYNC", false);
  if (dialect_ == Dialect::uid_only) command("ENABLE UIDONLY", false);
  if (dialect_ == Dialect::notify)
    command("NOTIFY SET (SELECTED-DELAYED (MessageNew MessageExpunge FlagChange))", false);
  command("SELECT INBOX", false);
}

void Watcher::command(const std::string& text, bool may_expunge) {
  start(text, may_expunge);
  finish();
}

// Who asked for news at any time gets lines that may not be whole yet; they are taken with the next answer.
void Watcher::take_stray() {
  if (dialect_ == Dialect::notify) return;
  if (const std::string stray = wire_->rest(); !stray.empty()) disagree("nobody asked for: " + stray);
}

void Watcher::start(const std::string& text, bool may_expunge, const std::string& tag) {
  take_stray();
  note("C: " + text);
  may_expunge_ = may_expunge;
  idles_ = text == "IDLE";
  tag_ = tag;
  wire_->send(tag + " " + text + "\r\n");
}

void Watcher::finish() {
  if (std::exchange(idles_, false)) {
    listen(wire_->until("+ "));
    wire_->send("DONE\r\n");
  }
  listen(wire_->until(tag_ + " "));
  learn();
}

void Watcher::begin(Dice& dice) {
  const auto count = static_cast<uint32_t>(messages_.size());
  if (count == 0 || dice.roll(8) == 0) {
    const std::string flags = dice.roll(2) == 0 ? text_of(some_flags(dice)) + " " : "";
    return start("APPEND INBOX " + flags + "{14+}\r\nSubject: x\r\n\r\n", true);
  }
  const auto first = static_cast<uint32_t>(dice.roll(count) + 1);
  const auto last = std::min<uint32_t>(count, first + static_cast<uint32_t>(dice.roll(3)));
  if (dialect_ == Dialect::uid_only) {
    const size_t which = dice.roll(12);
    return which == 0   ? start("NOOP", true)
           : which == 1 ? start("EXPUNGE", true)
           : which == 2 ? start("IDLE", true)
           : which == 3 ? select_again(dice)
           : which == 4 ? start_context(dice)
                        : start_by_uid(dice);
  }
  switch (dice.roll(19)) {
    case 0:
      return start("NOOP", true);
    case 1:
      return start("EXPUNGE", true);
    case 2:
      return start("FETCH " + set_of(first, last) + " (FLAGS)", false);
    case 3:
      return start("FETCH " + set_of(first, last) + " (BODY[TEXT])", false);
    case 4:
      return start(dice.roll(2) == 0 ? "SEARCH DELETED" : "SEARCH RETURN (SAVE COUNT) UNSEEN", false);
    case 5:
      return start("COPY " + set_of(first, last) + " INBOX", true);
    case 6:
      return start("MOVE " + std::to_string(first) + " INBOX", true);
    case 7:
      return start("IDLE", true);
    case 8:
    case 9:
      return start_by_uid(dice);
    case 10:
      return select_again(dice);
    case 11:
      return start(dice.roll(2) == 0 ? "SORT (SUBJECT REVERSE DATE) UTF-8 ALL" : "SORT (SIZE) UTF-8 UNSEEN",
                   false);
    case 12:
      return start(
          dice.roll(2) == 0 ? "THREAD REFERENCES UTF-8 ALL" : "THREAD ORDEREDSUBJECT UTF-8 UNDELETED", false);
    case 13:
      return start("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (Subject)] FLAGS)", false);
    case 14:
      return start("FETCH " + set_of(first, last) + " (UID BODY[HEADER.FIELDS.NOT (Date)])", false);
    case 15:
      return start_context(dice);
    case 16:  // RFC 8508
      return start("REPLACE " + std::to_string(first) + " INBOX (\\Draft) {14+}\r\nSubject: x\r\n\r\n", true);
    default:
      return start_store(dice, first, last);
  }
}

// RFC 5267: one search that is kept up to date, or its end.
void Watcher::start_context(Dice& dice) {
  if (!undeleted_) {
    start("UID SEARCH RETURN (UPDATE ALL) UNDELETED", true, "context");
    undeleted_.emplace();
  } else if (dice.roll(3) == 0) {
    start("CANCELUPDATE \"context\"", true);
    undeleted_.reset();
  } else {
    start("NOOP", true);
  }
}

// With these messages may go (RFC 9051 section 7.5.1).
void Watcher::start_by_uid(Dice& dice) {
  const auto first = static_cast<uint32_t>(dice.roll(60) + 1);
  const std::string set = set_of(first, first + static_cast<uint32_t>(dice.roll(10)));
  const std::string commands[] = {
      "UID FETCH " + set + " (BODY[TEXT])",
      "UID FETCH " + std::to_string(first) + ":* (FLAGS)",
      "UID SEARCH UNDELETED",
      "UID STORE " + set + " " + "+-"[dice.roll(2)] + "FLAGS " + text_of(some_flags(dice)),
      "UID EXPUNGE " + set,
      "UID MOVE " + std::to_string(first) + " INBOX",
      "UID MOVE " + set + " Trash",
      "UID REPLACE " + std::to_string(first) + " INBOX {14+}\r\nSubject: x\r\n\r\n",
      "UID COPY " + std::to_string(first) + " Trash"};
  const size_t which = dice.roll(std::size(commands));
  start(commands[which], true);
}

void Watcher::start_store(Dice& dice, uint32_t first, uint32_t last) {
  const Flags flags = some_flags(dice);
  const char mode = "+-="[dice.roll(3)];
  // What is told at any time may be told before the client's own change or behind it.
  const bool silent = dice.roll(2) == 0 && dialect_ != Dialect::notify;
  if (silent && !examined_) change(first, last, mode, flags);
  start("STORE " + set_of(first, last) + " " + (mode == '=' ? "" : std::string(1, mode)) +
            (silent ? "FLAGS.SILENT " : "FLAGS ") + text_of(flags),
        false);
}

// All that was known is forgotten. CLOSE tells nothing of what it removes (section 6.4.1).
void Watcher::select_again(Dice& dice) {
  take_stray();
  // What is told at any time may still be on the way.
  const size_t way = dialect_ == Dialect::notify ? 1 + dice.roll(2) : dice.roll(3);
  if (way != 0) {
    note(way == 1 ? "C: CLOSE" : "C: UNSELECT");
    wire_->send(way == 1 ? "c CLOSE\r\n" : "c UNSELECT\r\n");
    may_expunge_ = false;
    listen(wire_->until("c "));
  }
  messages_.clear();
  undeleted_.reset();
  examined_ = !examined_ && dice.roll(3) == 0;
  start(examined_ ? "EXAMINE INBOX" : "SELECT INBOX", false);
}

void Watcher::change(uint32_t first, uint32_t last, char mode, const Flags& flags) {
  for (uint32_t n = first; n <= last; n++) {
    Flags& known = messages_.at(n - 1).flags.value();
    if (mode == '=') known.clear();
    for (const std::string& flag : flags) {
      if (mode == '-') {
        known.erase(flag);
      } else {
        known.insert(flag);
      }
    }
  }
}

// Of messages that are new it knows their number alone, and that their UIDs are above the others'.
void Watcher::learn_by_uid() {
  uint32_t last = 0;
  for (const Message& message : messages_) last = std::max(last, message.uid);
  learns_ = true;
  while (std::ranges::any_of(messages_, [](const Message& message) { return message.uid == 0; })) {
    const std::string text = "UID FETCH " + std::to_string(last + 1) + ":* (FLAGS)";
    note("C: " + text);
    may_expunge_ = true;
    wire_->send("l " + text + "\r\n");
    listen(wire_->until("l "));
  }
  learns_ = false;
  std::ranges::sort(messages_, {}, &Message::uid);
}

void Watcher::learn() {
  if (dialect_ == Dialect::uid_only) return learn_by_uid();
  for (;;) {
    std::string set;
    std::vector<size_t> asked;
    for (size_t i = 0; i < messages_.size(); i++) {
      Message& message = messages_[i];
      if (message.asked || (message.uid != 0 && message.flags)) continue;
      message.asked = true;
      set += (set.empty() ? "" : ",") + std::to_string(i + 1);
      asked.push_back(i);
    }
    if (asked.empty()) return;
    note("C: FETCH " + set + " (UID FLAGS)");
    may_expunge_ = false;
    wire_->send("l FETCH " + set + " (UID FLAGS)\r\n");
    listen(wire_->until("l "));
    // Another session may have expunged it; then its flags don't matter, and EXPUNGE is to come.
    for (const size_t i : asked) {
      if (!messages_[i].flags) messages_[i].flags.emplace();
    }
  }
}

void Watcher::listen(std::string answer) {
  // All bodies are empty, and there are two headers: without those literals every response is one line.
  for (const std::string_view literal :
       {"{0}\r\n", "{14}\r\nSubject: x\r\n\r\n", "{16}\r\nSubject: new\r\n\r\n"}) {
    for (size_t n = answer.find(literal); n != std::string::npos; n = answer.find(literal, n))
      answer.erase(n, literal.size());
  }
  for (size_t at = 0; at < answer.size();) {
    const size_t end = answer.find("\r\n", at);
    take_line(answer.substr(at, end - at));
    at = end + 2;
  }
}

void Watcher::take_line(const std::string& line) {
  note("S: " + line);
  if (line.starts_with("+ ")) return;
  if (!line.starts_with("* ")) return take_tagged(line);
  const std::string_view rest = std::string_view(line).substr(2);
  if (rest.starts_with("BYE")) disagree("the session ended");
  if (rest.starts_with("OK [CLOSED]")) messages_.clear();
  if (rest.starts_with("SEARCH") && dialect_ == Dialect::rev2) disagree("ESEARCH was expected");
  if (rest.starts_with("SORT") || rest.starts_with("THREAD")) take_numbers(rest);
  if (rest.starts_with("VANISHED ")) take_vanished(rest.substr(9));
  if (rest.starts_with("ESEARCH ") && rest.find(kContext) != std::string_view::npos) take_context(rest);
  if (is_digit(rest.front())) take_numbered(line);
}

// Each message that is named is there, once.
void Watcher::take_numbers(std::string_view list) {
  std::set<uint32_t> named;
  for (size_t at = 0; at < list.size();) {
    const size_t end = std::min(list.find_first_not_of("0123456789", at), list.size());
    if (end == at) {
      at++;
      continue;
    }
    const uint32_t number = number_in(list.substr(at, end - at));
    if (number < 1 || number > messages_.size()) disagree("there is no such message");
    if (!named.insert(number).second) disagree("a message is named twice");
    at = end;
  }
}

// NO is for what was expunged meanwhile, or can't be done after EXAMINE.
void Watcher::take_tagged(const std::string& line) {
  const std::string_view status = std::string_view(line).substr(line.find(' ') + 1);
  const bool expected = status.starts_with("OK") || status.starts_with("NO [EXPUNGEISSUED]") ||
                        status.starts_with("NO [NONEXISTENT]") ||
                        (examined_ && status.starts_with("NO [CANNOT]"));
  if (!expected) disagree("not expected: " + line);
}

// "ESEARCH (TAG ...) UID ADDTO (0 4:5 0 7) REMOVEFROM (0 3)", or with ALL at first. Without an order all
// positions are 0 (RFC 5267 section 4.3.1).
void Watcher::take_context(std::string_view answer) {
  if (!undeleted_) return;  // its end was on the way
  for (const std::string_view name : {"ALL ", "ADDTO (", "REMOVEFROM ("}) {
    size_t at = answer.find(name);
    if (at == std::string_view::npos) continue;
    at += name.size();
    const std::string_view list =
        answer.substr(at, answer.find_first_of(name.back() == '(' ? ")" : " ", at) - at);
    bool position = name.back() == '(';
    for (const std::string_view word : split(list, ' ')) {
      if (std::exchange(position, !position)) {
        if (word != "0") disagree("a search has no order");
        continue;
      }
      for (const uint32_t uid : numbers_of(word)) {
        const bool news =
            name == "REMOVEFROM (" ? undeleted_->erase(uid) > 0 : undeleted_->insert(uid).second;
        if (!news) disagree("that is no news: " + std::to_string(uid));
      }
    }
  }
}

void Watcher::check_context() const {
  if (!undeleted_) return;
  std::set<uint32_t> expected;
  for (const Message& message : messages_) {
    if (!message.flags.value_or(Flags()).contains("\\Deleted")) expected.insert(message.uid);
  }
  if (expected == *undeleted_) return;
  std::string text = "the search that is kept up to date has";
  for (const uint32_t uid : *undeleted_) text += " " + std::to_string(uid);
  disagree(text + "\nbut there are\n" + picture());
}

void Watcher::take_numbered(const std::string& line) {
  const uint32_t number = number_in(line.substr(2));
  if (line.ends_with(" RECENT")) {
    if (dialect_ == Dialect::rev2) disagree("IMAP4rev2 has no RECENT");
  } else if (line.ends_with(" EXISTS")) {
    if (number < messages_.size()) disagree("EXISTS must not shrink");
    messages_.resize(number);
  } else if (dialect_ == Dialect::uid_only) {
    if (line.find(" UIDFETCH (") == std::string::npos) disagree("there are no message numbers");
    Message& message = message_of(number);
    message.uid = number;
    take_fetch(line, message);
    unknown_ = Message();
  } else if (number < 1 || number > messages_.size()) {
    disagree("there is no such message");
  } else if (line.ends_with(" EXPUNGE")) {
    if (!may_expunge_) disagree("EXPUNGE has to wait");
    if (dialect_ == Dialect::qresync) disagree("VANISHED was expected");
    messages_.erase(messages_.begin() + number - 1);
  } else {
    take_fetch(line, messages_[number - 1]);
  }
}

// Before it asks for new ones it can't tell them apart.
Watcher::Message& Watcher::message_of(uint32_t uid) {
  auto found = std::ranges::find(messages_, uid, &Message::uid);
  if (found != messages_.end()) return *found;
  found = std::ranges::find(messages_, 0u, &Message::uid);
  if (found == messages_.end()) disagree("there is no message of UID " + std::to_string(uid));
  return learns_ ? *found : unknown_;
}

void Watcher::take_fetch(const std::string& line, Message& message) {
  if (const size_t at = line.find("UID "); at != std::string::npos) {
    const uint32_t uid = number_in(line.substr(at + 4));
    if (message.uid != 0 && message.uid != uid) disagree("that message has another UID");
    message.uid = uid;
  }
  const size_t at = line.find("FLAGS (");
  if (at == std::string::npos) return;
  std::string list = line.substr(at + 7);
  list.resize(list.find(')'));
  message.flags.emplace();
  for (const std::string_view flag : split(list, ' ')) {
    if (!flag.empty() && flag != "\\Recent") message.flags->insert(std::string(flag));
  }
}

void Watcher::take_vanished(std::string_view uids) {
  if (dialect_ != Dialect::qresync && dialect_ != Dialect::uid_only) disagree("EXPUNGE was expected");
  if (!may_expunge_) disagree("VANISHED has to wait");
  for (const uint32_t uid : numbers_of(uids)) vanish(uid);
}

// One that nobody could ask for yet has no UID here; which of those it is makes no difference.
void Watcher::vanish(uint32_t uid) {
  auto found = std::find_if(messages_.begin(), messages_.end(), [&](const auto& m) { return m.uid == uid; });
  if (found == messages_.end())
    found = std::find_if(messages_.begin(), messages_.end(), [](const auto& m) { return m.uid == 0; });
  if (found == messages_.end()) disagree("there is no message of UID " + std::to_string(uid));
  messages_.erase(found);
}

std::string Watcher::picture() const {
  std::string out;
  for (const Message& message : messages_)
    out += std::to_string(message.uid) + " " + text_of(message.flags.value_or(Flags())) + "\n";
  return out;
}

void Watcher::note(std::string line) {
  dialogue_.push_back(std::move(line));
  if (dialogue_.size() > kRemembered) dialogue_.pop_front();
}

void Watcher::disagree(const std::string& what) const {
  std::string text = what + "\n";
  for (const std::string& line : dialogue_) text += line + "\n";
  throw Disagreement(text);
}

}  // namespace posthouse::access::imap::test
