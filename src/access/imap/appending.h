// The messages of an APPEND, as they come in: from the stream into the store, piece by piece.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access/imap/append_url.h"
#include "access/imap/sharing.h"
#include "access/imap/state.h"
#include "engine/blob.h"
#include "message/summary.h"
#include "wire/imap/command.h"

namespace posthouse::access::imap {

// One message that has come in.
struct Arrived {
  std::unique_ptr<engine::BlobWriter> writer;
  store::NewMessage message;
};

// One command at work; it takes all of it, also after a failure, so that the next command is found.
class Appending {
 public:
  // `name`: of the mailbox, in UTF-8.
  Appending(Session& s, std::string name) : s_(s), name_(std::move(name)) {}
  // `freed`: octets that this account gets back with what comes (RFC 8508 section 3.4).
  void set_freed(uint64_t freed, store::AccountId account) {
    freed_ = freed;
    freed_of_ = account;
  }

  // Nothing when all messages are there, or why not.
  Task<std::optional<Reply>> receive(wire::imap::AppendParts parts);
  std::vector<Arrived>& arrived() { return arrived_; }
  // Where they go; known once they are there.
  const Located& target() const { return *target_; }

 private:
  Task<std::optional<Reply>> take_parts(wire::imap::AppendParts parts);
  Task<std::optional<Reply>> objection(uint64_t size);
  Task<std::optional<Reply>> take_literal(const wire::imap::AppendPart& part);
  Task<void> write(std::string_view piece, bool binary);
  Task<void> copy(std::string url);
  Task<void> copy_octets(const UrlOctets& octets);
  Task<void> end();
  void begin(const wire::imap::AppendPart& part);

  Session& s_;
  std::string name_;
  std::optional<Located> target_;
  uint64_t freed_ = 0;
  store::AccountId freed_of_ = 0;
  uint64_t total_ = 0;   // octets of all messages so far, those announced included
  uint64_t held_ = 0;    // of them, in memory until all are there
  uint64_t copied_ = 0;  // octets from URLs; of all messages together not more than one may have
  bool catenate_ = false;
  Arrived current_;
  std::optional<message::Summarizer> summarizer_;
  std::vector<Arrived> arrived_;
  std::optional<Reply> failed_;
};

// "APPENDUID validity uids" (RFC 4315 section 3).
std::string append_uid(const std::vector<store::Placed>& placed);

// What the store's refusal to place messages means.
Reply refuse_placing(const Fault& fault);

}  // namespace posthouse::access::imap
