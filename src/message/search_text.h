// Finding text as IMAP SEARCH does: a substring by the collation i;unicode-casemap (RFC 9051 section 6.4.4,
// RFC 5255 section 4.2), in decoded text that streams by.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "message/charset.h"
#include "message/summary.h"
#include "message/transfer.h"

namespace posthouse::message {

// Folds UTF-8 piece by piece: what casemap() gives for the whole, whatever the pieces.
class TextFolder {
 public:
  // Appends to `out`; holds back what may be the beginning of a character.
  void feed(std::string_view utf8, std::string& out);
  void finish(std::string& out);

 private:
  std::string held_;
};

// Looks for several keys at once. Linear in the text for each key, whatever the key. Not thread-safe.
class TextSearch {
 public:
  // Keys in UTF-8; an empty key is found in everything. Keys of over limits::kSearchKey are found nowhere.
  explicit TextSearch(const std::vector<std::string>& keys);
  void feed(std::string_view utf8);
  // Between two texts (fields, parts): nothing is found across.
  void end_text();
  bool found(size_t key) const { return keys_[key].found; }
  bool all_found() const { return missing_ == 0; }

 private:
  struct Key {
    std::string folded;
    bool found = false;
    bool hopeless = false;
  };
  void search();

  std::vector<Key> keys_;
  size_t missing_ = 0;
  size_t longest_ = 0;  // octets of the longest key still looked for
  TextFolder folder_;
  std::string window_;  // folded text not yet searched, and before it what could begin a key
};

// The text of a field, or a key for one, as they are compared: a TAB is a space. Unfolding leaves the TAB of
// a line that begins with one (RFC 5322 section 2.2.3), where the writer had a space and the user types one.
std::string field_form(std::string text);

// Whether the text of one field holds one key.
bool contains_text(std::string_view utf8, std::string_view key);

// Raw bytes of a part's body (Part::body_begin to body_end, in pieces) to UTF-8: transfer encoding undone,
// charset converted. For parts that is_text_part() names; others have no text.
class PartTextDecoder {
 public:
  explicit PartTextDecoder(const Part& part);
  void feed(std::string_view raw, std::string& utf8);
  void finish(std::string& utf8);

 private:
  TransferDecoder transfer_;
  CharsetDecoder charset_;
};

// text/* (RFC 9051 section 6.4.4 leaves it to us: attached text is searched too).
bool is_text_part(const Part& part);

// All text parts of the tree, in order, those in embedded messages too.
std::vector<const Part*> text_parts(const Summary& summary);

// Parts whose headers TEXT looks through beside the message's own, so that it finds the names of attachments
// and the headers of embedded messages: all below the root, at most limits::kSearchedParts.
std::vector<const Part*> parts_with_headers(const Summary& summary);

// How much of a header that begins and ends there is searched, octets.
uint64_t searched_header(uint64_t begin, uint64_t end);

// What FROM, TO, CC and BCC look for their key in.
std::string address_text(const EnvelopeAddress& address);

// Every field of a header block as "Name: value" lines, decoded, in field_form(), for TEXT; and the values of
// the fields of one name for HEADER, SUBJECT, FROM...: RFC 2047 words are decoded, a field that is there but
// empty gives
// "".
std::string header_text(std::string_view header_block);
std::vector<std::string> field_texts(std::string_view header_block, std::string_view name);

}  // namespace posthouse::message
