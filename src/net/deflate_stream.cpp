#include "net/deflate_stream.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

namespace posthouse::net {

namespace {

constexpr int kInWindow = -15;   // the peer may use all of it; negative: no zlib header (RFC 4978 section 4)
constexpr int kOutWindow = -12;  // ours is smaller, for the memory of many sessions
constexpr int kOutTables = 5;
constexpr int kLevel = 4;
constexpr size_t kRead = 4 * 1024;  // compressed octets read at once
constexpr size_t kWritten = 16 * 1024;

}  // namespace

struct DeflateStream::Zip {
  Zip() {
    if (inflateInit2(&in, kInWindow) != Z_OK) throw std::runtime_error("zlib can't begin");
    if (deflateInit2(&out, kLevel, Z_DEFLATED, kOutWindow, kOutTables, Z_DEFAULT_STRATEGY) != Z_OK) {
      inflateEnd(&in);
      throw std::runtime_error("zlib can't begin");
    }
  }
  ~Zip() {
    inflateEnd(&in);
    deflateEnd(&out);
  }
  Zip(const Zip&) = delete;
  Zip& operator=(const Zip&) = delete;

  // Inflates into `to` what was read.
  Result<size_t> inflate_into(std::span<char> to) {
    in.next_in = reinterpret_cast<Bytef*>(read.data());
    in.avail_in = static_cast<uInt>(read.size());
    in.next_out = reinterpret_cast<Bytef*>(to.data());
    in.avail_out = static_cast<uInt>(std::min(to.size(), kWritten));
    const uInt room = in.avail_out;
    const int done = inflate(&in, Z_SYNC_FLUSH);
    if (done != Z_OK && done != Z_BUF_ERROR && done != Z_STREAM_END)
      return fail(FaultKind::syntax, "broken compressed octets");
    read.erase(0, read.size() - in.avail_in);
    if (read.empty()) std::string().swap(read);
    ended = done == Z_STREAM_END;
    full = in.avail_out == 0;
    return room - in.avail_out;
  }

  z_stream in{};
  z_stream out{};
  std::string read;     // compressed octets that inflate has not taken
  bool full = false;    // inflate may hold more than it had room for
  bool ended = false;   // the peer has ended its compressed octets
  bool ending = false;  // and so have we
};

DeflateStream::DeflateStream(std::unique_ptr<Stream> inner) : inner_(std::move(inner)) {}
DeflateStream::~DeflateStream() = default;

void DeflateStream::begin() {
  zip_ = std::make_unique<Zip>();
  zip_->read = std::exchange(plain_, {});
}

Task<Result<void>> DeflateStream::end() {
  Result<void> done = co_await deflate_all({}, true);
  zip_->ending = true;
  co_return done;
}

bool DeflateStream::may_have_more() const {
  return !plain_.empty() || (zip_ && (zip_->full || zip_->ended || !zip_->read.empty()));
}

Task<Result<void>> DeflateStream::wait_readable() {
  if (!may_have_more()) return inner_->wait_readable();
  return []() -> Task<Result<void>> { co_return Result<void>(); }();
}

Task<Result<size_t>> DeflateStream::read_some(std::span<char> out) {
  if (!zip_ && plain_.empty()) return inner_->read_some(out);
  return inflate_some(out);
}

size_t DeflateStream::take_plain(std::span<char> out) {
  const size_t n = std::min(out.size(), plain_.size());
  std::memcpy(out.data(), plain_.data(), n);
  plain_.erase(0, n);
  if (plain_.empty()) std::string().swap(plain_);
  return n;
}

Task<Result<size_t>> DeflateStream::inflate_some(std::span<char> out) {
  while (zip_) {
    if (zip_->full || !zip_->read.empty()) {
      const Result<size_t> got = zip_->inflate_into(out);
      if (!got || *got > 0) co_return got;
    }
    if (zip_->ended) {
      // Without our end() the peer has nothing more to say.
      if (!zip_->ending) co_return size_t{0};
      plain_ = std::move(zip_->read);
      zip_.reset();
      break;
    }
    std::array<char, kRead> read;
    const Result<size_t> got = co_await inner_->read_some(read);
    if (!got || *got == 0) co_return got;
    zip_->read.append(read.data(), *got);
  }
  if (!plain_.empty()) co_return take_plain(out);
  const Result<size_t> got = co_await inner_->read_some(out);
  co_return got;
}

Task<Result<void>> DeflateStream::write_all(std::string_view bytes) {
  if (!zip_ || zip_->ending) return inner_->write_all(bytes);
  return deflate_all(bytes, false);
}

Task<Result<void>> DeflateStream::deflate_all(std::string_view bytes, bool last) {
  std::string in(bytes);  // zlib wants to write to it, as far as its types say
  zip_->out.next_in = reinterpret_cast<Bytef*>(in.data());
  zip_->out.avail_in = static_cast<uInt>(in.size());
  std::string piece;
  do {
    piece.resize(kWritten);
    zip_->out.next_out = reinterpret_cast<Bytef*>(piece.data());
    zip_->out.avail_out = static_cast<uInt>(piece.size());
    const int done = deflate(&zip_->out, last ? Z_FINISH : Z_SYNC_FLUSH);
    if (done != Z_OK && done != Z_BUF_ERROR && done != Z_STREAM_END)
      co_return fail(FaultKind::io, "can't compress");
    piece.resize(piece.size() - zip_->out.avail_out);
    if (piece.empty()) break;
    const Result<void> written = co_await inner_->write_all(piece);
    if (!written) co_return written;
  } while (zip_->out.avail_out == 0);
  co_return Result<void>();
}

Task<Result<void>> DeflateStream::start_tls_server(std::shared_ptr<const TlsContext> context) {
  if (!may_have_more()) return inner_->start_tls_server(std::move(context));
  return []() -> Task<Result<void>> { co_return fail(FaultKind::syntax, "input before TLS"); }();
}

Task<Result<void>> DeflateStream::start_tls_client(std::shared_ptr<const TlsContext> context,
                                                   std::string host) {
  return inner_->start_tls_client(std::move(context), std::move(host));
}

}  // namespace posthouse::net
