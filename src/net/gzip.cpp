#include "net/gzip.h"

#include <zlib.h>

#include <stdexcept>

namespace posthouse::net {
namespace {
constexpr int kLevel = 4;               // nearly as small as 6 in half its time
constexpr int kWindowOfGzip = 15 + 16;  // + 16: with the header and trailer of gzip
constexpr int kTables = 8;
constexpr size_t kPiece = 16 * 1024;
}  // namespace

struct Gzip::State {
  z_stream zip{};
  State() {
    if (deflateInit2(&zip, kLevel, Z_DEFLATED, kWindowOfGzip, kTables, Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::runtime_error("zlib can't begin");
    }
  }
  ~State() { deflateEnd(&zip); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

Gzip::Gzip() : state_(std::make_unique<State>()) {}
Gzip::~Gzip() = default;

std::string Gzip::add(std::string_view part, bool last) {
  z_stream& zip = state_->zip;
  zip.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
  zip.avail_in = static_cast<uInt>(part.size());
  std::string out;
  char piece[kPiece];
  do {
    zip.next_out = reinterpret_cast<Bytef*>(piece);
    zip.avail_out = kPiece;
    deflate(&zip, last ? Z_FINISH : Z_NO_FLUSH);
    out.append(piece, kPiece - zip.avail_out);
  } while (zip.avail_out == 0);
  return out;
}

}  // namespace posthouse::net
