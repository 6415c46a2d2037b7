// The inside of Transport, shared by its source files. All of it runs on one loop. Coroutines hold the Impl,
// so that what a stop leaves behind (a connection being made) finds it, sees `means->cut`, and ends without
// touching anything that is gone.
#pragma once

#include <list>
#include <unordered_map>

#include "base/metrics.h"
#include "transport/courier.h"
#include "transport/judge.h"
#include "transport/notices.h"
#include "transport/transport.h"

namespace posthouse::transport {

struct Metrics {
  metrics::Counter sent, deferred, bounced;
  metrics::Gauge connections;
  Metrics();
};

struct Transport::Impl : std::enable_shared_from_this<Transport::Impl> {
  Impl(net::Loop& l, queue::Queue& q, acceptance::Acceptance& a, std::shared_ptr<Means> m);

  net::Loop& loop;
  queue::Queue& queue;
  const std::shared_ptr<Means> means;
  const RetryPolicy policy;
  NoticeWriter notices;
  Metrics metrics;

  bool running = false;
  bool stopping = false;
  std::unique_ptr<engine::Watch> watch;
  std::shared_ptr<std::atomic<bool>> signalled = std::make_shared<std::atomic<bool>>(false);

  // ---- the pump: from the queue into memory
  std::coroutine_handle<> pump_waits;
  bool pump_called = false;
  std::optional<SystemTime> next_due;
  bool next_due_known = false;
  SteadyTime pump_rests_until{};  // after a fault
  size_t letters_ready = 0;
  size_t recipients_ready = 0;
  size_t parked_letters = 0;
  size_t putting_off = 0;
  size_t unrecorded = 0;  // outcomes that the store does not take: nothing else is sent until it does

  // ---- the couriers
  std::unordered_map<std::string, std::shared_ptr<Destination>> destinations;
  std::list<std::shared_ptr<Destination>> starving;
  uint32_t couriers = 0;

  // Coroutines at work besides idle couriers; stop() waits for them.
  size_t at_work = 0;
  SteadyTime forget_at{};

  SystemTime now() const { return means->clock.now(); }
  SteadyTime steady() const { return means->clock.steady(); }
  const Options& options() const { return means->options; }

  // transport.cpp
  void start();
  void signal_from_queue();
  void call_pump();
  bool has_room() const;
  static Task<void> pump(std::shared_ptr<Impl> self);
  static Task<bool> pump_once(std::shared_ptr<Impl> self);
  static Task<void> tick(std::shared_ptr<Impl> self);
  void on_tick();
  static Task<Result<Told>> return_letter(std::shared_ptr<Impl> self, queue::LetterId id);

  // dispatch.cpp
  std::string routing_key(const queue::Recipient& recipient) const;
  std::shared_ptr<Destination> destination(const std::string& key);
  void dispatch(queue::Letter letter);
  void forget_destinations();
  bool park(Destination& to, queue::LetterId id);
  static Task<void> put_off(std::shared_ptr<Impl> self, queue::Letter letter);
  static Task<void> refill(std::shared_ptr<Impl> self, std::shared_ptr<Destination> destination);
  void job_done(const std::shared_ptr<Parcel>& parcel);

  // couriers.cpp
  void kick(const std::shared_ptr<Destination>& destination);
  void put_off_jobs(Destination& destination);
  void wake_idle(Destination& destination, IdleCourier& idle, bool for_work);
  void expire_idle(SteadyTime when);
  void evict_one_idle();
  void feed_starving();
  static Task<void> run_courier(std::shared_ptr<Impl> self, std::shared_ptr<Destination> destination);
  static Task<void> serve(std::shared_ptr<Impl> self, std::shared_ptr<Destination> destination,
                          Courier& courier);

  // outcome.cpp
  void finish_later(Job job, std::vector<Answer> answers);
  static Task<void> finish(std::shared_ptr<Impl> self, Job job, std::vector<Answer> answers);
  std::vector<Finding> judge_all(const Job& job, const std::vector<Answer>& answers);
  // Tells whom it concerns and writes it down. Failed recipients that nobody can be told of now are made to
  // wait: a notice must never keep an outcome from being recorded.
  static Task<void> settle(std::shared_ptr<Impl> self, queue::Letter letter, std::vector<Finding> findings);
  void note_findings(const queue::Letter& letter, const std::vector<Finding>& findings);
  void put_off_failed(const queue::Letter& letter, std::vector<Finding>& findings, const Fault& why);
  // Nothing is written down when it fails; may be called again then.
  static Task<Result<Told>> tell(std::shared_ptr<Impl> self, queue::Letter letter,
                                 std::vector<Finding> findings);
  static Task<Notice> write_warning(std::shared_ptr<Impl> self, queue::Letter letter,
                                    std::vector<Finding> findings);
  static Task<Result<void>> write_bounce(std::shared_ptr<Impl> self, queue::Letter letter,
                                         std::vector<Finding> failed, Told whom, std::string why,
                                         Notice& into);
  static Task<Result<void>> record_with(std::shared_ptr<Impl> self, queue::Queue::Outcome outcome,
                                        Notice& warning, Notice& bounce);
  static Task<Result<void>> set_aside(std::shared_ptr<Impl> self, queue::LetterId id,
                                      std::vector<Finding> findings);
  void note_unrecorded(bool waits);
  static Task<void> wait_to_record(std::shared_ptr<Impl> self, milliseconds wait);
  // Writes it down, however long that takes, without notices: those may be refused. False if it can't be.
  static Task<bool> record(std::shared_ptr<Impl> self, queue::Queue::Outcome outcome);
};

// Counts a coroutine in, for as long as it lives in its frame.
class AtWork {
 public:
  explicit AtWork(std::shared_ptr<Transport::Impl> impl);
  ~AtWork();
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;

 private:
  std::shared_ptr<Transport::Impl> impl_;
};

}  // namespace posthouse::transport
