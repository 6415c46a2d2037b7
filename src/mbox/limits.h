// Every limit of the room: what a file may ask of us before it is read another way or refused.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace posthouse::mbox {

inline constexpr size_t kMaxFromLine = 1024;        // a longer line separates nothing
inline constexpr size_t kMaxHeaderLine = 64 << 10;  // of a metadata header, that much is read
inline constexpr size_t kMaxKeywords = 256;         // of a message or of a file
inline constexpr size_t kMaxKeyword = 128;          // characters of one
inline constexpr size_t kMaxHiddenLines = 1024;     // of one message; further ones are shown as they are
inline constexpr size_t kMaxSender = 320;           // of a From_ line that we write
inline constexpr size_t kPiece = 64 << 10;          // read and written at a time
inline constexpr size_t kMaxTornStarts = 8;         // places where a torn record may begin
inline constexpr size_t kSector = 512;              // bytes that a disk writes whole or not at all
inline constexpr size_t kHole = 4096;               // what of an unreadable piece is read apart
inline constexpr size_t kMaxHoles = 1024;        // unreadable ones of a file; a disk takes its time for each
inline constexpr size_t kKeywordRoom = 48;       // characters kept free for keywords of a message we write
inline constexpr size_t kBaseRoom = 96;          // and for the keywords of the file
inline constexpr size_t kMaxSegments = 1 << 20;  // of one journal
inline constexpr std::chrono::milliseconds kFirstNap(5);  // while a lock is taken by somebody else
inline constexpr std::chrono::milliseconds kLongestNap(200);
inline constexpr std::chrono::milliseconds kShortPatience(250);  // when too many wait already
inline constexpr std::chrono::seconds kDotlockAge(300);  // liblockfile: a lock of nobody known is stale then

inline constexpr size_t kMaxNamePart = 200;           // octets on disk of one part of a folder's name
inline constexpr size_t kMaxNameDepth = 64;           // parts of a folder's name
inline constexpr size_t kMaxFolders = 100000;         // of one tree
inline constexpr size_t kMaxSubscriptions = 1 << 20;  // octets of the file

}  // namespace posthouse::mbox
