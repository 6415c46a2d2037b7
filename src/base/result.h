// Errors as values: Result<T> is either a T or a Fault.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace posthouse {

// What kind of thing went wrong. Each protocol maps these to its own replies in one place.
enum class FaultKind {
  syntax,      // the other side (or a file) broke a grammar or a limit
  policy,      // understood, and refused: not allowed
  not_found,   // what was named does not exist (or may not be seen: the same thing to the caller)
  exists,      // what should be created is there already
  temporary,   // may work later: overload, lock, a peer that does not answer
  permanent,   // will not work later either
  over_quota,  // the account or domain has no room left
  no_space,    // the disk is full
  io,          // the operating system, the network or the storage engine failed
  closed,      // the connection ended, or was cancelled
  timeout,     // the deadline passed
  corrupt,     // a stored record failed its checksum or has an unknown version
};

// The name of a kind, for logs: "syntax", "policy", ...
const char* to_string(FaultKind kind);

struct Fault {
  FaultKind kind = FaultKind::permanent;
  std::string what;  // for logs and operators, one line, no secrets
};

template <class T = void>
using Result = std::expected<T, Fault>;

inline std::unexpected<Fault> fail(FaultKind kind, std::string what) {
  return std::unexpected<Fault>(Fault{kind, std::move(what)});
}

}  // namespace posthouse
