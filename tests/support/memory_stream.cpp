#include "support/memory_stream.h"

#include <algorithm>
#include <mutex>

#include "base/executor.h"

namespace posthouse::test {

namespace {
struct Waiter {
  std::coroutine_handle<> handle;
  Executor* executor = nullptr;

  void wake() {
    if (handle) executor->post(std::exchange(handle, nullptr));
  }
};
}  // namespace

// One end's state: what it can read, and how its calls end.
struct MemoryStream::Half {
  std::string inbox;
  bool eof = false;  // the other end writes no more
  bool closed = false;
  bool cancelled = false;
  bool broken = false;
  size_t chunk = 0;
  size_t capacity = 0;
  SteadyTime deadline = SteadyTime::max();
  Waiter reader;  // waits for bytes in inbox
  Waiter writer;  // waits for room in the other's inbox
  net::TlsInfo tls;
  Endpoint peer{IpAddress::from_v4(0x7f000001), 40000};
  Endpoint local{IpAddress::from_v4(0x7f000001), 25};

  void wake() {
    reader.wake();
    writer.wake();
  }
};

struct MemoryStream::Shared {
  mutable std::mutex mutex;
  Half halves[2];
  FakeClock* clock = nullptr;

  ~Shared() {
    if (clock != nullptr) clock->forget(this);
  }
  void expire() {
    const std::lock_guard lock(mutex);
    for (Half& half : halves) {
      if (clock->steady() >= half.deadline) half.wake();
    }
  }
  // `parting`: a write that need not wait may still leave after cancel().
  Result<void> check(const Half& half, bool parting = false) const {
    if (half.closed || (half.cancelled && !parting)) return fail(FaultKind::closed, "stream closed");
    if (clock != nullptr && clock->steady() >= half.deadline)
      return fail(FaultKind::timeout, "deadline passed");
    return {};
  }
  bool has_input(const Half& half) const { return !half.inbox.empty() || half.eof; }
  bool has_room(const Half& to) const {
    return to.capacity == 0 || to.inbox.size() < to.capacity || to.closed;
  }
};

// Suspends until something about the reader's (or writer's) condition may have changed.
struct MemoryStream::Wait {
  Shared& shared;
  Half& half;
  Half* full;  // set: waits for room there

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> handle) {
    const std::lock_guard lock(shared.mutex);
    const bool ready = full != nullptr ? shared.has_room(*full) : shared.has_input(half);
    if (ready || !shared.check(half)) return false;
    (full != nullptr ? half.writer : half.reader) = Waiter{handle, Executor::current()};
    return true;
  }
  void await_resume() const noexcept {}
};

MemoryStream::Pair MemoryStream::make_pair(FakeClock* clock) {
  auto shared = std::make_shared<Shared>();
  shared->clock = clock;
  if (clock != nullptr) {
    clock->listen(shared.get(), [weak = std::weak_ptr<Shared>(shared)] {
      if (const auto alive = weak.lock()) alive->expire();
    });
  }
  std::swap(shared->halves[0].peer, shared->halves[0].local);
  Pair pair;
  pair.client.reset(new MemoryStream(shared, 0));
  pair.server.reset(new MemoryStream(shared, 1));
  return pair;
}

MemoryStream::~MemoryStream() {
  close();
}

MemoryStream::Half& MemoryStream::mine() const {
  return shared_->halves[side_];
}
MemoryStream::Half& MemoryStream::theirs() const {
  return shared_->halves[1 - side_];
}

Task<Result<void>> MemoryStream::wait_readable() {
  for (;;) {
    {
      const std::lock_guard lock(shared_->mutex);
      const Result<void> state = shared_->check(mine());
      if (!state || shared_->has_input(mine())) co_return state;
    }
    Wait input{*shared_, mine(), nullptr};
    co_await input;
  }
}

Task<Result<size_t>> MemoryStream::read_some(std::span<char> out) {
  const Result<void> ready = co_await wait_readable();
  if (!ready) co_return std::unexpected(ready.error());
  const std::lock_guard lock(shared_->mutex);
  Half& half = mine();
  size_t n = std::min(out.size(), half.inbox.size());
  if (half.chunk != 0) n = std::min(n, half.chunk);
  std::copy_n(half.inbox.begin(), n, out.begin());
  half.inbox.erase(0, n);
  theirs().writer.wake();
  co_return n;
}

Task<Result<void>> MemoryStream::write_all(std::string_view bytes) {
  for (;;) {
    {
      const std::lock_guard lock(shared_->mutex);
      const Result<void> state = shared_->check(mine(), true);
      if (!state) co_return state;
      if (mine().broken || theirs().closed) co_return fail(FaultKind::io, "broken pipe");
      if (theirs().capacity == 0 || theirs().inbox.size() < theirs().capacity) {
        const size_t room = theirs().capacity == 0 ? bytes.size() : theirs().capacity - theirs().inbox.size();
        const std::string_view part = bytes.substr(0, room);
        theirs().inbox += part;
        bytes.remove_prefix(part.size());
        theirs().reader.wake();
      }
      if (bytes.empty()) co_return Result<void>();
      if (mine().cancelled) co_return fail(FaultKind::closed, "stream closed");
    }
    Wait room{*shared_, mine(), &theirs()};
    co_await room;
  }
}

void MemoryStream::set_deadline(SteadyTime when) {
  const std::lock_guard lock(shared_->mutex);
  mine().deadline = when;
  if (shared_->clock != nullptr && shared_->clock->steady() >= when) mine().wake();
}

Task<Result<void>> MemoryStream::start_tls_server(std::shared_ptr<const net::TlsContext>) {
  const std::lock_guard lock(shared_->mutex);
  const Result<void> state = shared_->check(mine());
  if (!state) co_return state;
  net::TlsInfo& info = mine().tls;
  info.active = true;
  if (info.protocol.empty()) info.protocol = "TLSv1.3";
  if (info.cipher.empty()) info.cipher = "TLS_AES_256_GCM_SHA384";
  if (info.channel_binding_type.empty()) {
    info.channel_binding_type = "tls-exporter";
    info.channel_binding = std::string(32, 'b');  // both ends agree, as on a real connection
  }
  co_return Result<void>();
}

Task<Result<void>> MemoryStream::start_tls_client(std::shared_ptr<const net::TlsContext> context,
                                                  std::string host) {
  {
    const std::lock_guard lock(shared_->mutex);
    if (mine().tls.server_name.empty()) mine().tls.server_name = host;
    if (theirs().tls.server_name.empty()) theirs().tls.server_name = host;
  }
  Result<void> done = co_await start_tls_server(std::move(context));
  co_return done;
}

const net::TlsInfo& MemoryStream::tls() const {
  return mine().tls;
}

void MemoryStream::close() {
  const std::lock_guard lock(shared_->mutex);
  mine().closed = true;
  mine().wake();
  theirs().eof = true;
  theirs().wake();
}

void MemoryStream::cancel() {
  const std::lock_guard lock(shared_->mutex);
  mine().cancelled = true;
  mine().wake();
}

const Endpoint& MemoryStream::peer() const {
  return mine().peer;
}
const Endpoint& MemoryStream::local() const {
  return mine().local;
}

void MemoryStream::push(std::string_view bytes) {
  const std::lock_guard lock(shared_->mutex);
  theirs().inbox += bytes;
  theirs().reader.wake();
}

std::string MemoryStream::drain() {
  const std::lock_guard lock(shared_->mutex);
  theirs().writer.wake();
  return std::exchange(mine().inbox, std::string());
}

void MemoryStream::shut_write() {
  const std::lock_guard lock(shared_->mutex);
  theirs().eof = true;
  theirs().reader.wake();
}

bool MemoryStream::peer_closed() const {
  const std::lock_guard lock(shared_->mutex);
  return theirs().closed;
}

bool MemoryStream::peer_waits() const {
  const std::lock_guard lock(shared_->mutex);
  return theirs().closed || theirs().reader.handle;
}

void MemoryStream::set_chunk(size_t most) {
  const std::lock_guard lock(shared_->mutex);
  mine().chunk = most;
}

void MemoryStream::set_capacity(size_t most) {
  const std::lock_guard lock(shared_->mutex);
  mine().capacity = most;
}

void MemoryStream::set_endpoints(Endpoint peer, Endpoint local) {
  mine().peer = peer;
  mine().local = local;
}

void MemoryStream::set_tls(net::TlsInfo info) {
  mine().tls = std::move(info);
}

void MemoryStream::fail_writes() {
  const std::lock_guard lock(shared_->mutex);
  mine().broken = true;
}

SteadyTime MemoryStream::deadline() const {
  const std::lock_guard lock(shared_->mutex);
  return mine().deadline;
}

}  // namespace posthouse::test
