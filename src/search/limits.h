// All limits of the search index, in one place.
#pragma once

#include <cstddef>
#include <cstdint>

namespace posthouse::search {

// ---- what becomes a term (search/terms.h)
inline constexpr size_t kWordChars = 24;       // characters of a word that is kept as it is...
inline constexpr size_t kWordBytes = 64;       // ... and octets of it
inline constexpr size_t kDigitWordChars = 10;  // characters of one with digits in it
inline constexpr size_t kGram = 3;             // characters of the pieces that others are cut into
inline constexpr size_t kNeedleRuns = 64;      // words of a key that are looked up; the others are verified

// ---- matching that is not exact (search/fuzzy.h)
inline constexpr size_t kFuzzyKeys = 8;   // of one search...
inline constexpr size_t kFuzzyWords = 8;  // ... and words of a key: each is compared with every term
inline constexpr size_t kFuzzyTogether = 16 << 10;  // octets of text that are compared without a breath

// ---- attached documents (search/text_extractor.h)
inline constexpr size_t kDocuments = 16;                  // of a letter that are looked into
inline constexpr uint64_t kDocumentOctets = 64ull << 20;  // of one, with its transfer encoding
inline constexpr size_t kDocumentText = 2 << 20;          // octets of its text that are indexed
inline constexpr size_t kMailboxesKnown = 100'000;        // that had no documents when they were looked at

// ---- segments
inline constexpr size_t kChunkTerms = 16 << 10;        // octets of terms in one row...
inline constexpr size_t kChunkPostings = 64 << 10;     // ... and of what says where they are
inline constexpr size_t kRowsTogether = 32;            // rows of a segment in one transaction
inline constexpr size_t kBuilderMemory = 16 << 20;     // octets, about, of a segment that is being made...
inline constexpr size_t kOverfullMemory = 32 << 20;    // ... and where one letter makes it so large
inline constexpr uint32_t kBuilderLetters = 20'000;    // letters of it
inline constexpr size_t kMergeWidth = 8;               // neighbours of a size become one
inline constexpr uint32_t kMergedLetters = 1'000'000;  // which has no more letters than this
inline constexpr size_t kMaxSegments = 4'096;          // of a mailbox, in a record that is read

// ---- the work in the background (search/indexer.h)
inline constexpr uint32_t kTail = 32;               // so many new letters are worth a segment
inline constexpr size_t kEntriesTogether = 128;     // entries read in one go
inline constexpr uint64_t kSmallLetter = 32 << 10;  // up to here letters are read whole, several in one go
inline constexpr uint64_t kReadTogether = 256 << 10;
inline constexpr uint64_t kPiece = 128 << 10;  // of a larger one, read at once

}  // namespace posthouse::search
