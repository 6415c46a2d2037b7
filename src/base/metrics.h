// Counters, gauges and histograms for operators. Make them once (a static or a member), then they cost an
// atomic add.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace posthouse::metrics {

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// Handles; copies share the number. Thread-safe. Names as Prometheus wants them: posthouse_room_what_total.
class Counter {
 public:
  Counter(std::string_view name, std::string_view help, Labels labels = {});
  void add(double n = 1) const;
  double value() const;

 private:
  void* impl_;
};

class Gauge {
 public:
  Gauge(std::string_view name, std::string_view help, Labels labels = {});
  void set(double v) const;
  void add(double n) const;
  double value() const;

 private:
  void* impl_;
};

class Histogram {
 public:
  // `buckets`: upper bounds, rising.
  Histogram(std::string_view name, std::string_view help, std::vector<double> buckets, Labels labels = {});
  void observe(double v) const;

 private:
  void* impl_;
};

// All metrics in the Prometheus text format.
std::string exposition();

}  // namespace posthouse::metrics
