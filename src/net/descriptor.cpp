#include "net/descriptor.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "net/loop_impl.h"

namespace posthouse::net {

Descriptor::Descriptor(Loop& loop, int fd) : loop_(loop.impl()), fd_(fd) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP | EPOLLET;
  event.data.ptr = this;
  if (epoll_ctl(loop_.epoll_fd, EPOLL_CTL_ADD, fd_, &event) != 0) {
    const int error = errno;
    ::close(fd_);
    throw std::system_error(error, std::generic_category(), "epoll_ctl");
  }
  loop_.add(*this);
}

Descriptor::~Descriptor() {
  close();
  loop_.wheel.remove(*this);
  loop_.remove(*this);
}

bool Descriptor::Awaiter::await_suspend(std::coroutine_handle<> handle) {
  if (!descriptor.state()) return false;
  if (direction == Direction::read ? descriptor.readable() : descriptor.writable_ || descriptor.broken_)
    return false;
  if (direction == Direction::write) descriptor.watch_writing();
  std::coroutine_handle<>& waiting = direction == Direction::read ? descriptor.reader_ : descriptor.writer_;
  if (waiting) {
    // TLS may make a reader wait to write beside a writer: the second one comes by again.
    descriptor.loop_.enqueue(handle, nullptr);
  } else {
    waiting = handle;
  }
  return true;
}

void Descriptor::Yield::await_suspend(std::coroutine_handle<> handle) {
  descriptor.loop_.enqueue(handle, nullptr);
}

// Most connections never find their send buffer full, so the kernel need not tell us about room before one
// does.
void Descriptor::watch_writing() {
  if (watches_writing_) return;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = this;
  if (epoll_ctl(loop_.epoll_fd, EPOLL_CTL_MOD, fd_, &event) == 0) watches_writing_ = true;
}

Result<void> Descriptor::state() const {
  if (fd_ < 0 || cancelled() || loop_.stopping) return fail(FaultKind::closed, "closed");
  if (expired_) return fail(FaultKind::timeout, "timed out");
  return {};
}

Result<void> Descriptor::state_to_write() const {
  if (fd_ < 0) return fail(FaultKind::closed, "closed");
  if (expired_) return fail(FaultKind::timeout, "timed out");
  return {};
}

void Descriptor::set_deadline(SteadyTime when) {
  expired_ = false;
  loop_.wheel.set(*this, when);
}

void Descriptor::cancel() {
  if (!cancelled_.exchange(true)) loop_.request_cancel(this);
}

void Descriptor::close() {
  if (fd_ < 0) return;
  // Closing alone is not enough: a duplicate (a child between fork and exec) would keep the events coming.
  epoll_ctl(loop_.epoll_fd, EPOLL_CTL_DEL, fd_, nullptr);
  ::close(fd_);
  fd_ = -1;
  std::vector<std::coroutine_handle<>> waiting;
  wake(waiting);
  for (const auto handle : waiting) loop_.enqueue(handle, nullptr);
}

void Descriptor::on_events(uint32_t events, std::vector<std::coroutine_handle<>>& resume) {
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) ended_ = true;
  if (events & (EPOLLHUP | EPOLLERR)) broken_ = true;
  if (events & EPOLLIN) readable_ = true;
  if (events & EPOLLOUT) writable_ = true;
  if (readable() && reader_) resume.push_back(std::exchange(reader_, nullptr));
  if ((writable_ || broken_) && writer_) resume.push_back(std::exchange(writer_, nullptr));
}

void Descriptor::wake(std::vector<std::coroutine_handle<>>& resume) {
  if (reader_) resume.push_back(std::exchange(reader_, nullptr));
  if (writer_) resume.push_back(std::exchange(writer_, nullptr));
}

}  // namespace posthouse::net
