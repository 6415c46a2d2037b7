// A Stream that compresses what passes from some moment on (RFC 1951), for IMAP's COMPRESS (RFC 4978). Until
// then it costs nothing: every call is the inner stream's.
#pragma once

#include <memory>
#include <string>

#include "net/stream.h"

namespace posthouse::net {

class DeflateStream : public Stream {
 public:
  explicit DeflateStream(std::unique_ptr<Stream> inner);
  ~DeflateStream() override;

  // Both directions from now on: what was written and read so far was plain. Costs kDeflateMemory.
  void begin();
  bool active() const { return zip_ != nullptr; }
  // Writes `last` as the end of the compressed octets that go out, `last` being the answer to what was the
  // last of the compressed ones that came in: behind that, what comes in is plain again (RFC 8437
  // section 4.1). To be called before more is read.
  Task<Result<void>> end(std::string_view last);

  Task<Result<void>> wait_readable() override;
  Task<Result<size_t>> read_some(std::span<char> out) override;
  Task<Result<void>> write_all(std::string_view bytes) override;
  void set_deadline(SteadyTime when) override { inner_->set_deadline(when); }
  // Not while compressed octets are waiting: they were sent in clear text.
  Task<Result<void>> start_tls_server(std::shared_ptr<const TlsContext> context) override;
  Task<Result<void>> start_tls_client(std::shared_ptr<const TlsContext> context, std::string host) override;
  const TlsInfo& tls() const override { return inner_->tls(); }
  void close() override { inner_->close(); }
  void cancel() override { inner_->cancel(); }
  void set_busy(bool busy) override { inner_->set_busy(busy); }
  const Endpoint& peer() const override { return inner_->peer(); }
  const Endpoint& local() const override { return inner_->local(); }

 private:
  struct Zip;

  bool may_have_more() const;
  Result<void> look_ahead();
  void turn_plain();
  Task<Result<size_t>> inflate_some(std::span<char> out);
  Task<Result<void>> deflate_all(std::string_view bytes, bool last);
  size_t take_plain(std::span<char> out);

  std::unique_ptr<Stream> inner_;
  std::unique_ptr<Zip> zip_;
  std::string
      plain_;  // that came behind the end of compressed octets, or one of these before it was asked for
};

// zlib's two windows and tables, as begin() asks for them.
inline constexpr size_t kDeflateMemory = 96 * 1024;

}  // namespace posthouse::net
