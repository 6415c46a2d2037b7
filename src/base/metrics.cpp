#include "base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <mutex>

namespace posthouse::metrics {

namespace {
// Never destroyed: metrics are statics of many files and may be touched until the very end.
prometheus::Registry& registry() {
  static auto* const all = new prometheus::Registry;
  return *all;
}

std::mutex& registration() {
  static auto* const mutex = new std::mutex;
  return *mutex;
}

std::map<std::string, std::string> label_map(Labels labels) {
  std::map<std::string, std::string> map;
  for (const auto& [key, value] : labels) map.emplace(key, value);
  return map;
}

// The registry gives the same family for the same name, and a family the same series for the same labels.
template <class Builder, class... Args>
void* series(Builder builder, std::string_view name, std::string_view help, Labels labels, Args&&... args) {
  const std::lock_guard lock(registration());
  auto& family = builder.Name(std::string(name)).Help(std::string(help)).Register(registry());
  return &family.Add(label_map(labels), std::forward<Args>(args)...);
}
}  // namespace

Counter::Counter(std::string_view name, std::string_view help, Labels labels)
    : impl_(series(prometheus::BuildCounter(), name, help, labels)) {}
void Counter::add(double n) const {
  static_cast<prometheus::Counter*>(impl_)->Increment(n);
}
double Counter::value() const {
  return static_cast<prometheus::Counter*>(impl_)->Value();
}

Gauge::Gauge(std::string_view name, std::string_view help, Labels labels)
    : impl_(series(prometheus::BuildGauge(), name, help, labels)) {}
void Gauge::set(double v) const {
  static_cast<prometheus::Gauge*>(impl_)->Set(v);
}
void Gauge::add(double n) const {
  static_cast<prometheus::Gauge*>(impl_)->Increment(n);
}
double Gauge::value() const {
  return static_cast<prometheus::Gauge*>(impl_)->Value();
}

Histogram::Histogram(std::string_view name, std::string_view help, std::vector<double> buckets, Labels labels)
    : impl_(series(prometheus::BuildHistogram(), name, help, labels, std::move(buckets))) {}
void Histogram::observe(double v) const {
  static_cast<prometheus::Histogram*>(impl_)->Observe(v);
}

std::string exposition() {
  return prometheus::TextSerializer().Serialize(registry().Collect());
}

}  // namespace posthouse::metrics
