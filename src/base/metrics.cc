#include "base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <cstdint>
#include <mutex>

namespace gb::metrics {

struct Registry::Impl {
  mutable std::mutex mutex;
  prometheus::Registry registry;
  std::map<std::string, prometheus::Family<prometheus::Counter>*> counters;
  std::map<std::string, prometheus::Family<prometheus::Histogram>*> histograms;

  // Held while the collectors are asked, so that one that is taken out is not asked any more.
  std::mutex collectors_mutex;
  std::uint64_t collectors_made = 0;
  std::map<std::uint64_t, std::function<std::vector<Gauges>()>> collectors;
};

namespace {

prometheus::MetricFamily to_family(Gauges gauges) {
  prometheus::MetricFamily family;
  family.name = std::move(gauges.name);
  family.help = std::move(gauges.help);
  family.type = gauges.counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
  for (auto& [labels, value] : gauges.series) {
    prometheus::ClientMetric& metric = family.metric.emplace_back();
    for (const auto& [label, text] : labels) metric.label.push_back({label, text});
    (gauges.counter ? metric.counter.value : metric.gauge.value) = value;
  }
  return family;
}

// Takes something back when it goes.
class Undo final : public Collection {
 public:
  explicit Undo(std::function<void()> undo) : undo_(std::move(undo)) {}
  ~Undo() override { undo_(); }
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;

 private:
  const std::function<void()> undo_;
};

}  // namespace

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

void Registry::observe(const std::string& name, const std::string& help, const Labels& labels,
                       const std::vector<double>& buckets, double value) {
  std::scoped_lock lock(impl_->mutex);
  auto& family = impl_->histograms[name];
  if (family == nullptr)
    family = &prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry);
  family->Add(labels, buckets).Observe(value);
}

std::unique_ptr<Collection> Registry::collect(std::function<std::vector<Gauges>()> collect) {
  const std::scoped_lock lock(impl_->collectors_mutex);
  const std::uint64_t id = ++impl_->collectors_made;
  impl_->collectors[id] = std::move(collect);
  return std::make_unique<Undo>([impl = impl_.get(), id] {
    const std::scoped_lock undo_lock(impl->collectors_mutex);
    impl->collectors.erase(id);
  });
}

std::string Registry::text() const {
  std::vector<prometheus::MetricFamily> families = impl_->registry.Collect();
  {
    const std::scoped_lock lock(impl_->collectors_mutex);
    for (const auto& [id, collector] : impl_->collectors)
      for (Gauges& gauges : collector()) families.push_back(to_family(std::move(gauges)));
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace gb::metrics
