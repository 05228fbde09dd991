// Counters, gauges and histograms in Prometheus' text form. A Registry is made once in apiserver/
// and handed down; nobody reaches for a global one.
//
// Thread safety: all methods, from any thread. References returned stay valid as long as the
// Registry.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gb::metrics {

using Labels = std::map<std::string, std::string>;

// One family of gauges, as it is at the moment of a scrape.
struct Gauges {
  std::string name;
  std::string help;
  std::vector<std::pair<Labels, double>> series;
  bool counter = false;  // announced as a counter: it only grows
};

// Ends the calls of a collector when destroyed, and waits for one that is under way.
class Collection {
 public:
  virtual ~Collection() = default;
};

class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Adds to a counter, making it at first use; `by` is not negative.
  void count(const std::string& name, const std::string& help, const Labels& labels, double by = 1);
  // `buckets` are upper bounds, ascending; those of the first call for a name hold.
  void observe(const std::string& name, const std::string& help, const Labels& labels,
               const std::vector<double>& buckets, double value);

  // `collect` is asked at every text(): what it tells is never stale, and what has gone has no
  // series any more. A family without series is announced all the same. Its names are not those of
  // the methods above, and it does not call this Registry. The Collection goes before the Registry.
  [[nodiscard]] std::unique_ptr<Collection> collect(std::function<std::vector<Gauges>()> collect);

  // The exposition of everything, text format 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gb::metrics
