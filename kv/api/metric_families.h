#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cairn::kv::api {

using Labels = std::vector<std::pair<std::string, std::string>>;

// Collects metric families one after the other, in Prometheus' model.
class MetricFamilies {
 public:
  void Gauge(const std::string& name, const std::string& help, double value, const Labels& labels = {}) {
    Begin(name, help, prometheus::MetricType::Gauge);
    AddGauge(value, labels);
  }
  void Counter(const std::string& name, const std::string& help, std::uint64_t value,
               const Labels& labels = {}) {
    Begin(name, help, prometheus::MetricType::Counter);
    AddCounter(value, labels);
  }

  // A family with several series: Begin(), then one Add...() for each.
  void Begin(const std::string& name, const std::string& help, prometheus::MetricType type);
  void AddGauge(double value, const Labels& labels);
  void AddCounter(std::uint64_t value, const Labels& labels);
  void AddSeconds(double seconds) { Add({}).counter.value = seconds; }
  // counts[i]: observations in bucket i, not cumulative; one more than bounds for those above all of them.
  void AddHistogram(std::span<const double> upper_bounds, std::span<const std::uint64_t> counts, double sum,
                    const Labels& labels);

  [[nodiscard]] std::string Serialize() const;

 private:
  prometheus::ClientMetric& Add(const Labels& labels);
  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace cairn::kv::api
