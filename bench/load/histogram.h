// Latencies in logarithmic buckets of about 1.5 %: constant memory, percentiles without keeping samples.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace load {

class Histogram {
 public:
  void add(double microseconds) {
    ++count_;
    sum_ += microseconds;
    if (microseconds > max_) max_ = microseconds;
    ++buckets_[index(microseconds)];
  }
  uint64_t count() const { return count_; }
  double mean() const { return count_ ? sum_ / static_cast<double>(count_) : 0; }
  double max() const { return max_; }
  double percentile(double p) const {
    auto want = static_cast<uint64_t>(std::ceil(p / 100.0 * static_cast<double>(count_)));
    uint64_t seen = 0;
    for (size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen >= want && seen) return std::pow(kBase, static_cast<double>(i) + 0.5);
    }
    return max_;
  }

 private:
  static constexpr double kBase = 1.015;
  static size_t index(double us) {
    if (us < 1) return 0;
    auto i = static_cast<size_t>(std::log(us) / std::log(kBase));
    return i < 1599 ? i : 1599;
  }
  std::array<uint64_t, 1600> buckets_{};
  uint64_t count_ = 0;
  double sum_ = 0, max_ = 0;
};

}  // namespace load
