// Takes one submitted letter: holds its header, grooms and checks it, then streams on.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "acceptance/acceptance.h"
#include "base/clock.h"
#include "base/random.h"
#include "directory/directory.h"
#include "smtp/server.h"
#include "submission/submission.h"

namespace posthouse::submission {

// What a sink needs of its service; outlives it.
struct Desk {
  acceptance::Acceptance& acceptance;
  directory::Directory& directory;
  const Clock& clock;
  Random& random;
  const Options& options;
  Signer* signer;
};

// A refusal for what the letter says (its authors, its header) comes as the reply to commit(), with its
// reason; the rest of the bytes is taken and dropped until then.
class SubmissionSink : public smtp::LetterSink {
 public:
  // `received`: the trace line.
  SubmissionSink(Desk desk, directory::AccountId account, std::string login,
                 std::unique_ptr<acceptance::Letter> letter, std::string received);

  Task<Result<void>> write(std::string_view bytes) override;
  Task<std::vector<smtp::Reply>> commit() override;

 private:
  // Once the header is complete (or nothing more comes).
  Task<Result<void>> take_header();
  Task<Result<void>> check_authors(std::vector<message::Address> addresses, std::string field);
  Task<Result<void>> take_body(std::string_view bytes);
  Task<Result<void>> write_held();
  Task<Result<void>> finish();
  void begin_signature(const message::Address& author);
  std::optional<size_t> header_size(size_t searched_from) const;
  void refuse(smtp::Reply reply);

  Desk desk_;
  directory::AccountId account_;
  std::string login_;
  std::unique_ptr<acceptance::Letter> letter_;
  std::string received_;
  std::string held_;  // the header until it is complete; then what waits for the signature
  bool in_header_ = true;
  std::unique_ptr<Signature> signature_;
  uint64_t room_;
  std::optional<smtp::Reply> refusal_;
};

}  // namespace posthouse::submission
