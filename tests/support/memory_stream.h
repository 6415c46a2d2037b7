// Two connected Streams in memory, for sessions under test.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "net/stream.h"
#include "support/fake_clock.h"

namespace posthouse::test {

// One end. The ends may live on different threads. TLS is a flag: start_tls_* succeeds at once on either end
// and changes nothing of the bytes; a null context is welcome.
class MemoryStream : public net::Stream {
 public:
  struct Pair;
  // With a clock (it must outlive both ends), deadlines expire when it is advanced beyond them; without,
  // never.
  static Pair make_pair(FakeClock* clock = nullptr);

  ~MemoryStream() override;

  Task<Result<void>> wait_readable() override;
  Task<Result<size_t>> read_some(std::span<char> out) override;
  Task<Result<void>> write_all(std::string_view bytes) override;
  void set_deadline(SteadyTime when) override;
  Task<Result<void>> start_tls_server(std::shared_ptr<const net::TlsContext> context) override;
  Task<Result<void>> start_tls_client(std::shared_ptr<const net::TlsContext> context,
                                      std::string host) override;
  const net::TlsInfo& tls() const override;
  void end_writing() override { shut_write(); }
  void close() override;
  void cancel() override;
  const Endpoint& peer() const override;
  const Endpoint& local() const override;

  // --- what only tests need; any thread unless said otherwise ---

  // Writes to the other end at once, without a coroutine, whatever its limit.
  void push(std::string_view bytes);
  // Everything the other end wrote and nobody read yet.
  std::string drain();
  // Ends this end's writing: the other end reads what is there and then the end.
  void shut_write();
  // The other end has closed (its bytes may still wait in drain()).
  bool peer_closed() const;
  // The other end waits for bytes that are not here yet, or has closed: it has nothing to do for this end.
  bool peer_waits() const;

  void set_chunk(size_t most);     // read_some here gives at most so many bytes; 0: no limit
  void set_capacity(size_t most);  // write_all of the other end waits while so many bytes are unread here
  void set_endpoints(Endpoint peer, Endpoint local);  // before use
  void set_tls(net::TlsInfo info);                    // before use; start_tls_* then keeps its fields
  void fail_writes();                                 // from now on writes here fail with io
  SteadyTime deadline() const;

 private:
  struct Shared;
  struct Half;
  struct Wait;
  MemoryStream(std::shared_ptr<Shared> shared, int side) : shared_(std::move(shared)), side_(side) {}
  Half& mine() const;
  Half& theirs() const;

  std::shared_ptr<Shared> shared_;
  int side_;
};

struct MemoryStream::Pair {
  std::unique_ptr<MemoryStream> client;
  std::unique_ptr<MemoryStream> server;
};

}  // namespace posthouse::test
