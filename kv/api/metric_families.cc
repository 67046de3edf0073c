#include "kv/api/metric_families.h"

#include <prometheus/text_serializer.h>

#include <sstream>

#include "raft/base/assert.h"

namespace cairn::kv::api {

void MetricFamilies::Begin(const std::string& name, const std::string& help, prometheus::MetricType type) {
  families_.push_back({.name = name, .help = help, .type = type, .metric = {}});
}

prometheus::ClientMetric& MetricFamilies::Add(const Labels& labels) {
  prometheus::ClientMetric& metric = families_.back().metric.emplace_back();
  for (const auto& [name, value] : labels) metric.label.push_back({name, value});
  return metric;
}

void MetricFamilies::AddGauge(double value, const Labels& labels) { Add(labels).gauge.value = value; }

void MetricFamilies::AddCounter(std::uint64_t value, const Labels& labels) {
  Add(labels).counter.value = static_cast<double>(value);
}

void MetricFamilies::AddHistogram(std::span<const double> upper_bounds, std::span<const std::uint64_t> counts,
                                  double sum, const Labels& labels) {
  CAIRN_ASSERT(counts.size() == upper_bounds.size() + 1, "{} counts for {} bounds", counts.size(),
               upper_bounds.size());
  prometheus::ClientMetric::Histogram& histogram = Add(labels).histogram;
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < upper_bounds.size(); ++i) {
    cumulative += counts[i];
    histogram.bucket.push_back({cumulative, upper_bounds[i]});
  }
  histogram.sample_count = cumulative + counts.back();
  histogram.sample_sum = sum;
}

std::string MetricFamilies::Serialize() const {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families_);
  return std::move(out).str();
}

}  // namespace cairn::kv::api
