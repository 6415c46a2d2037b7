// Letters of our own about a letter that failed or is late, taken in through acceptance in the transaction
// that records the outcome.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "acceptance/acceptance.h"
#include "engine/engine.h"
#include "queue/queue.h"
#include "transport/judge.h"

namespace posthouse::transport {

// What to put into the outcome's transaction. The letter lives until it is done; then committed().
struct Notice {
  std::unique_ptr<acceptance::Letter> letter;
  std::vector<engine::Step> steps;
  std::shared_ptr<std::optional<Fault>> fault;  // of the steps, as they ran last

  void committed();
  // Whether the transaction that ended so did for a step of this notice, not for the store.
  bool refused(const Fault& by) const;
};

struct NoticeOptions {
  std::string hostname;
  std::string postmaster_domain;  // "" leaves "postmaster" to the default domain
  std::string default_domain;     // what to call that in a header, where a domain must stand
};

// Faults of all: what acceptance says; not_found, policy and syntax mean that it would not take the notice
// later either.
class NoticeWriter {
 public:
  NoticeWriter(engine::Engine& engine, acceptance::Acceptance& acceptance, const Clock& clock, Random& random,
               NoticeOptions options)
      : engine_(engine),
        acceptance_(acceptance),
        clock_(clock),
        random_(random),
        options_(std::move(options)) {}

  // To the reverse-path (which is not null), from the null one (RFC 5321 section 6.1, RFC 3464). Failed
  // findings make a bounce, others a notice of delay. Holds the letter's header, and all of it if it is
  // small.
  Task<Result<void>> report(queue::Letter letter, std::vector<Finding> findings, Notice& into);

  // A letter failed that has the null reverse-path, or whose sender can't be told, for the reason `why`: to
  // our postmaster, who alone can do something (RFC 5321 section 4.5.5).
  Task<Result<void>> tell_postmaster(queue::Letter letter, std::vector<Finding> findings, std::string why,
                                     Notice& into);

 private:
  struct Draft;
  Task<Result<void>> write(Draft draft, Notice& into);

  engine::Engine& engine_;
  acceptance::Acceptance& acceptance_;
  const Clock& clock_;
  Random& random_;
  const NoticeOptions options_;
};

}  // namespace posthouse::transport
