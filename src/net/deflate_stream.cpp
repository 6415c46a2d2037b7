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

  // Inflates into `to` what was read, to the end of a block at most: what is plain begins behind one.
  Result<size_t> inflate_into(std::span<char> to) {
    in.next_in = reinterpret_cast<Bytef*>(read.data());
    in.avail_in = static_cast<uInt>(read.size());
    in.next_out = reinterpret_cast<Bytef*>(to.data());
    in.avail_out = static_cast<uInt>(std::min(to.size(), kWritten));
    const uInt room = in.avail_out;
    const int done = inflate(&in, Z_BLOCK);
    if (done != Z_OK && done != Z_BUF_ERROR && done != Z_STREAM_END)
      return fail(FaultKind::corrupt, "broken compressed octets");
    read.erase(0, read.size() - in.avail_in);
    if (read.empty()) std::string().swap(read);
    // As inflate() tells in data_type: behind a block, which may be the last one, and bits left of its octet.
    between = (in.data_type & 128) != 0;
    aligned = (in.data_type & 7) == 0;
    ended = done == Z_STREAM_END || (between && (in.data_type & 64) != 0);
    full = in.avail_out == 0 && !between;
    return room - in.avail_out;
  }

  // Behind end(): takes what is left of the peer's compressed octets from what was read. True: all else that
  // was read is plain, and so is what comes.
  //
  // RFC 8437 section 4.1 has compression end behind a CRLF and names no form for that. Clients flush, which
  // ends the block and puts an empty one behind it to get to the border of an octet (00 00 FF FF), or end
  // their octets with a final block (RFC 1951 section 3.2.3), in the same breath or behind the flush (03 00).
  // No command begins with 00 or 03, so these are the beginning of another empty block.
  Result<bool> take_end() {
    while (!ended) {
      if (read.empty()) return false;
      if (flushed && read.front() != '\x00' && read.front() != '\x03') return true;
      flushed = false;
      char more = 0;
      const Result<size_t> got = inflate_into({&more, 1});
      if (!got) return std::unexpected(got.error());
      if (*got > 0) return fail(FaultKind::corrupt, "compressed octets behind their end");
      if (!between) continue;
      flushed = in_flush && aligned;
      in_flush = true;
    }
    return true;
  }

  z_stream in{};
  z_stream out{};
  std::string read;       // compressed octets that inflate has not taken
  bool full = false;      // inflate may hold more than it had room for
  bool between = false;   // a block has ended, and no other begun
  bool aligned = false;   // the last octet was taken whole
  bool ended = false;     // the peer has ended its compressed octets
  bool ending = false;    // and so have we
  bool in_flush = false;  // then: the block with the last of the text is over
  bool flushed = false;   // and an empty one behind it
};

DeflateStream::DeflateStream(std::unique_ptr<Stream> inner) : inner_(std::move(inner)) {}
DeflateStream::~DeflateStream() = default;

void DeflateStream::begin() {
  zip_ = std::make_unique<Zip>();
  zip_->read = std::exchange(plain_, {});
}

// The last text goes out in the final block. That serves clients that read to the end of the stream, and
// those that stop at the CRLF: what is behind it there are but some bits of the octets that it came in. A
// flush would leave the others waiting for the end; with a flush and then the end, more octets would come
// behind what a client that stops has taken, and spoil the first plain line.
Task<Result<void>> DeflateStream::end(std::string_view last) {
  Result<void> done = co_await deflate_all(last, true);
  zip_->ending = true;
  zip_->in_flush = zip_->between;
  co_return done;
}

bool DeflateStream::may_have_more() const {
  return !plain_.empty() || (zip_ && (zip_->full || zip_->ended || !zip_->read.empty()));
}

void DeflateStream::turn_plain() {
  plain_ = std::move(zip_->read);
  zip_.reset();
}

// Takes the flush behind a command, so that who waits for the next one waits for more than that.
Result<void> DeflateStream::look_ahead() {
  while (zip_ && plain_.empty() && !zip_->read.empty() && !zip_->full && !zip_->ended) {
    if (zip_->ending) {
      const Result<bool> over = zip_->take_end();
      if (!over) return std::unexpected(over.error());
      if (*over) turn_plain();
      continue;
    }
    char first = 0;
    const Result<size_t> got = zip_->inflate_into({&first, 1});
    if (!got) return std::unexpected(got.error());
    if (*got > 0) plain_ = first;
  }
  return {};
}

Task<Result<void>> DeflateStream::wait_readable() {
  const Result<void> looked = look_ahead();
  if (looked && !may_have_more()) return inner_->wait_readable();
  return [](Result<void> how) -> Task<Result<void>> { co_return how; }(looked);
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
  while (zip_ && plain_.empty()) {
    if (zip_->ending) {
      const Result<bool> over = zip_->take_end();
      if (!over) co_return std::unexpected(over.error());
      if (*over) {
        turn_plain();
        continue;
      }
    } else {
      // Without our end() the peer has nothing more to say behind its own.
      if (zip_->ended) co_return size_t{0};
      if (zip_->full || !zip_->read.empty()) {
        const Result<size_t> got = zip_->inflate_into(out);
        if (!got || *got > 0) co_return got;
        continue;
      }
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
