// Counters, gauges and histograms in Prometheus' text form. A Registry is made once in apiserver/
// and handed down; nobody reaches for a global one.
//
// Thread safety: all methods, from any thread. References returned stay valid as long as the
// Registry.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace gb::metrics {

using Labels = std::map<std::string, std::string>;

class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Adds to a counter, making it at first use; `by` is not negative.
  void count(const std::string& name, const std::string& help, const Labels& labels, double by = 1);
  void set_gauge(const std::string& name, const std::string& help, const Labels& labels,
                 double value);
  void add_gauge(const std::string& name, const std::string& help, const Labels& labels, double by);
  // `buckets` are upper bounds, ascending; those of the first call for a name hold.
  void observe(const std::string& name, const std::string& help, const Labels& labels,
               const std::vector<double>& buckets, double value);

  // The exposition of everything, text format 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gb::metrics
