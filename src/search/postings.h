// Which letters of a segment have a term, by their numbers in it (0 to letters - 1).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::search {

// A set of letters of a segment.
class LetterSet {
 public:
  explicit LetterSet(uint32_t letters) : letters_(letters), words_((uint64_t{letters} + 63) / 64) {}
  void add(uint32_t letter) { words_[letter / 64] |= uint64_t{1} << (letter % 64); }
  bool has(uint32_t letter) const { return (words_[letter / 64] >> (letter % 64) & 1) != 0; }
  void add_all();
  void add(const LetterSet& other);
  void keep(const LetterSet& other);  // only what is in both
  bool empty() const;
  bool full() const { return count() == letters_; }
  uint32_t count() const;
  uint32_t letters() const { return letters_; }

 private:
  uint32_t letters_;
  std::vector<uint64_t> words_;
};

// Gaps as varints, or one bit for each letter of the segment, whatever is shorter. `rising`, each once.
std::string encode_postings(const std::vector<uint32_t>& rising, uint32_t letters);
// False when they are damaged; `out` may have got some then.
bool add_postings(std::string_view encoded, LetterSet& out);
// Appended to `out`, rising.
bool read_postings(std::string_view encoded, uint32_t letters, std::vector<uint32_t>& out);

// Varints as engine::RecordWriter has them. read: 0 and `ok` false at a bad one.
void append_varint(std::string& out, uint64_t v);
uint64_t read_varint(std::string_view& rest, bool& ok);

}  // namespace posthouse::search
