// Translated is what a mail program may show to its user; what is wrong with the syntax of a command is for
// programmers, and stays in English.
#include "access/imap/language.h"

#include <algorithm>
#include <utility>

namespace posthouse::access::imap {

namespace {

constexpr std::pair<std::string_view, Language> kTags[] = {
    {"en", Language::english}, {"de", Language::german}, {"i-default", Language::i_default}};

constexpr std::pair<std::string_view, std::string_view> kGerman[] = {
    {"Now speaking English", "Ab jetzt auf Deutsch"},
    {"These languages are spoken here", "Diese Sprachen gibt es hier"},
    {"This language isn't spoken here", "Diese Sprache gibt es hier nicht"},
    {"Logged in", "Angemeldet"},
    {"Logged out, log in again", "Abgemeldet, eine neue Anmeldung ist möglich"},
    {"Log in first", "Erst anmelden"},
    {"Already logged in", "Schon angemeldet"},
    {"Select a mailbox first", "Erst ein Postfach öffnen"},
    {"Not allowed now", "Das geht jetzt nicht"},
    {"Goodbye", "Auf Wiedersehen"},
    {"Begin TLS now", "Jetzt mit TLS beginnen"},
    {"TLS is active already", "TLS ist schon aktiv"},
    {"Wrong name or password", "Name oder Passwort ist falsch"},
    {"This channel binding can't be used", "Diese Bindung an den Kanal ist nicht möglich"},
    {"Passwords need TLS", "Passwörter brauchen TLS"},
    {"Can't check logins now, try again later",
     "Anmeldungen können gerade nicht geprüft werden, bitte später noch einmal versuchen"},
    {"Too many failed logins", "Zu viele vergebliche Anmeldungen"},
    {"Too many sessions of this account", "Zu viele Verbindungen dieses Kontos"},
    {"This account may not stay logged in", "Dieses Konto darf nicht angemeldet bleiben"},
    {"Login took too long", "Die Anmeldung hat zu lange gedauert"},
    {"Idle for too long", "Zu lange untätig"},
    {"Server is shutting down", "Der Server wird beendet"},
    {"Too many errors", "Zu viele Fehler"},
    {"Internal error", "Interner Fehler"},
    {"Mailbox selected", "Postfach geöffnet"},
    {"Mailbox examined", "Postfach zum Lesen geöffnet"},
    {"Mailbox closed", "Postfach geschlossen"},
    {"The mailbox was deleted", "Das Postfach wurde gelöscht"},
    {"The right to read this mailbox was withdrawn", "Das Recht, dieses Postfach zu lesen, wurde entzogen"},
    {"First unseen", "Erste ungelesene Nachricht"},
    {"UIDs valid", "UIDs gültig"},
    {"Predicted next UID", "Voraussichtlich nächste UID"},
    {"Changes so far", "Änderungen bis jetzt"},
    {"For ever", "Für immer"},
    {"There is no such mailbox", "Dieses Postfach gibt es nicht"},
    {"A mailbox of that name exists", "Ein Postfach dieses Namens gibt es schon"},
    {"A mailbox can't have this name", "So kann ein Postfach nicht heißen"},
    {"A mailbox can't have this use, or another one has it",
     "Ein Postfach kann diesen Zweck nicht haben, oder ein anderes hat ihn"},
    {"This mailbox can't have this use", "Dieses Postfach kann diesen Zweck nicht haben"},
    {"The mailbox is open read-only", "Das Postfach ist nur zum Lesen geöffnet"},
    {"The quota is used up", "Der Speicherplatz ist aufgebraucht"},
    {"The server has no room now", "Der Server hat gerade keinen Platz"},
    {"That can't be done", "Das geht nicht"},
    {"Can't be done now, try again later", "Das geht gerade nicht, bitte später noch einmal versuchen"},
    {"The server can't read or write its files now, try again later",
     "Der Server kann seine Dateien gerade nicht lesen oder schreiben, bitte später noch einmal versuchen"},
    {"A stored record is damaged", "Ein gespeicherter Eintrag ist beschädigt"},
    {"The messages are gone", "Die Nachrichten sind nicht mehr da"},
    {"Some of the messages are gone", "Einige der Nachrichten sind nicht mehr da"},
    {"Some of the messages can't be read", "Einige der Nachrichten sind nicht lesbar"},
    {"Some of the messages can't be read now, try again later",
     "Einige der Nachrichten sind gerade nicht lesbar, bitte später noch einmal versuchen"},
    {"Too many messages at once", "Zu viele Nachrichten auf einmal"},
    {"Not all of the messages were processed", "Nicht alle der Nachrichten wurden bearbeitet"},
    {"Too much to sort at once", "Zu viel auf einmal zu sortieren"},
    {"Too many mailboxes to search at once", "Zu viele Postfächer auf einmal zu durchsuchen"},
    {"The message is empty", "Die Nachricht ist leer"},
    {"Nothing to copy", "Nichts zu kopieren"},
    {"Nothing to move", "Nichts zu verschieben"},
    {"Value too long", "Der Wert ist zu lang"},
    {"There are too many annotations", "Es gibt zu viele Anmerkungen"},
    {"There is no right to do that", "Dazu fehlt das Recht"},
    {"Rights changed", "Die Rechte haben sich geändert"},
    {"The owner keeps all rights", "Der Besitzer behält alle Rechte"},
    {"There is no such account", "Dieses Konto gibt es nicht"},
    {"There are too many entries", "Es gibt zu viele Einträge"},
    {"This mailbox takes no private entries", "Dieses Postfach nimmt keine privaten Einträge"},
    {"This entry is read-only", "Dieser Eintrag ist nicht zu ändern"},
};

// "FETCH done"
constexpr std::string_view kDone = " done";

}  // namespace

std::string language_tags() {
  std::string out;
  for (const auto& [tag, language] : kTags) {
    if (!out.empty()) out += ' ';
    out += tag;
  }
  return out;
}

std::string_view language_tag(Language language) {
  const auto* known = std::ranges::find_if(kTags, [&](const auto& one) { return one.second == language; });
  return known->first;
}

std::optional<Language> find_language(const std::vector<std::string>& ranges) {
  for (std::string_view range : ranges) {
    if (range == "default") return Language::i_default;
    while (!range.empty()) {
      const auto* known = std::ranges::find_if(kTags, [&](const auto& one) { return one.first == range; });
      if (known != std::end(kTags)) return known->second;
      const size_t cut = range.rfind('-');
      range = range.substr(0, cut == std::string_view::npos ? 0 : cut);
      // A letter that only introduces what was behind it goes as well.
      if (range.size() >= 2 && range[range.size() - 2] == '-') range.remove_suffix(2);
    }
  }
  // RFC 4647 section 3.4: "*" is passed over, and at the end it asks for the default.
  if (!ranges.empty() && ranges.back() == "*") return Language::i_default;
  return std::nullopt;
}

std::string translated(Language language, std::string_view text) {
  if (language != Language::german) return std::string(text);
  const auto* known = std::ranges::find_if(kGerman, [&](const auto& one) { return one.first == text; });
  if (known != std::end(kGerman)) return std::string(known->second);
  if (!text.ends_with(kDone)) return std::string(text);
  return std::string(text.substr(0, text.size() - kDone.size())) + " ausgeführt";
}

std::vector<std::string_view> texts_with_translation() {
  std::vector<std::string_view> out;
  for (const auto& [english, german] : kGerman) out.push_back(english);
  return out;
}

}  // namespace posthouse::access::imap
