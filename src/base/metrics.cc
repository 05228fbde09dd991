#include "base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>

namespace gb::metrics {

struct Registry::Impl {
  mutable std::mutex mutex;
  prometheus::Registry registry;
  std::map<std::string, prometheus::Family<prometheus::Counter>*> counters;
  std::map<std::string, prometheus::Family<prometheus::Gauge>*> gauges;
  std::map<std::string, prometheus::Family<prometheus::Histogram>*> histograms;

  prometheus::Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels) {
    std::scoped_lock lock(mutex);
    auto& family = gauges[name];
    if (family == nullptr)
      family = &prometheus::BuildGauge().Name(name).Help(help).Register(registry);
    return family->Add(labels);
  }
};

Registry::Registry() : impl_(std::make_unique<Impl>()) {}
Registry::~Registry() = default;

void Registry::count(const std::string& name, const std::string& help, const Labels& labels,
                     double by) {
  std::scoped_lock lock(impl_->mutex);
  auto& family = impl_->counters[name];
  if (family == nullptr)
    family = &prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry);
  family->Add(labels).Increment(by);
}

void Registry::set_gauge(const std::string& name, const std::string& help, const Labels& labels,
                         double value) {
  impl_->gauge(name, help, labels).Set(value);
}

void Registry::add_gauge(const std::string& name, const std::string& help, const Labels& labels,
                         double by) {
  impl_->gauge(name, help, labels).Increment(by);
}

void Registry::observe(const std::string& name, const std::string& help, const Labels& labels,
                       const std::vector<double>& buckets, double value) {
  std::scoped_lock lock(impl_->mutex);
  auto& family = impl_->histograms[name];
  if (family == nullptr)
    family = &prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry);
  family->Add(labels, buckets).Observe(value);
}

std::string Registry::text() const {
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace gb::metrics
