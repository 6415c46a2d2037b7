#include "wire/smtp/data_decoder.h"

#include <cstring>

#include "wire/smtp/limits.h"

namespace posthouse::wire::smtp {

DataDecoder::Piece DataDecoder::next(std::string_view input) {
  if (input.empty()) return {};
  // The first byte matters by itself after CR or a leading dot, and when it is such a dot.
  const bool ordinary = state_ == State::in_line || (state_ == State::line_start && input[0] != '.');
  if (!ordinary) {
    if (const std::optional<Piece> piece = step(input[0])) return *piece;
  }
  return run(input);
}

// One byte in a state that depends on it. Nothing: the byte is text, and the state is in_line now.
std::optional<DataDecoder::Piece> DataDecoder::step(char c) {
  switch (state_) {
    case State::line_start:  // c is a dot
      state_ = State::dot;
      return Piece{{}, 1, false};
    case State::dot:
      if (c != '\r') break;  // the dot was stuffing
      state_ = State::dot_cr;
      return Piece{{}, 1, false};
    case State::dot_cr:
      if (c == '\n') return Piece{{}, 1, true};
      spoil(Defect::bare_cr);
      break;
    case State::cr:
      if (c == '\n') {
        state_ = State::line_start;
        line_ = 0;
        return give("\r\n", 1);
      }
      spoil(Defect::bare_cr);
      break;
    case State::in_line:
      break;
  }
  state_ = State::in_line;
  return std::nullopt;
}

// As much text as there is up to a dot that starts a line, a defect, or the end of the input.
DataDecoder::Piece DataDecoder::run(std::string_view input) {
  const char* const begin = input.data();
  const char* const end = begin + input.size();
  const char* at = begin;
  while (true) {
    const auto left = static_cast<size_t>(end - at);
    const auto* lf = static_cast<const char*>(std::memchr(at, '\n', left));
    const char* const stop = lf != nullptr ? lf : end;
    const auto* cr = static_cast<const char*>(std::memchr(at, '\r', static_cast<size_t>(stop - at)));
    if (cr != nullptr && cr + 1 == end) {  // whether LF follows is not known yet
      count_line(static_cast<size_t>(cr - at));
      state_ = State::cr;
      Piece piece = give({begin, static_cast<size_t>(cr - begin)}, 0);
      piece.consumed = input.size();
      return piece;
    }
    if (cr != nullptr && cr + 1 != lf) {  // bare CR: CR LF in the right order is the only pair
      return break_off(begin, at, cr, Defect::bare_cr);
    }
    if (lf == nullptr) {
      count_line(left);
      state_ = State::in_line;
      return give(input, input.size());
    }
    if (cr == nullptr) {  // LF without CR before it
      return break_off(begin, at, lf, Defect::bare_lf);
    }
    count_line(static_cast<size_t>(cr - at));
    line_ = 0;
    at = lf + 1;
    if (at == end || *at == '.') {
      state_ = State::line_start;
      const auto done = static_cast<size_t>(at - begin);
      return give({begin, done}, done);
    }
  }
}

// Gives what came before the bare byte at `bad`, in the line that begins at `line`, and steps over it.
DataDecoder::Piece DataDecoder::break_off(const char* begin, const char* line, const char* bad,
                                          Defect defect) {
  count_line(static_cast<size_t>(bad - line));
  const auto before = static_cast<size_t>(bad - begin);
  const Piece piece = give({begin, before}, before + 1);
  spoil(defect);
  state_ = State::in_line;
  return piece;
}

DataDecoder::Piece DataDecoder::give(std::string_view body, size_t consumed) {
  if (defect_ != Defect::none) return {{}, consumed, false};
  size_ += body.size();
  return {body, consumed, false};
}

void DataDecoder::count_line(size_t bytes) {
  line_ += bytes;
  longest_line_ = std::max(longest_line_, line_);
  if (line_ > kMaxTextLine) spoil(Defect::line_too_long);
}

// The first defect is the one that is told.
void DataDecoder::spoil(Defect defect) {
  if (defect_ == Defect::none) defect_ = defect;
}

}  // namespace posthouse::wire::smtp
