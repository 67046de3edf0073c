#include "cmd/cairn-bench/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace cairn::bench {
namespace {

struct Part {
  const char* name;
  double part;
};
constexpr Part kParts[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

double Micros(std::int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1000; }

double PerSecond(const Result& result, const Figures& figures) {
  return figures.seconds > 0 ? static_cast<double>(result.latencies.count()) / figures.seconds : 0;
}

double CpuMicrosPerOperation(const Result& result, const Figures& figures) {
  const auto count = static_cast<double>(result.latencies.count());
  return count > 0 ? figures.cpu_seconds * 1e6 / count : 0;
}

const char* Name(Operation operation) { return operation == Operation::kPut ? "put" : "get"; }

}  // namespace

std::string TextReport(const Options& options, const Result& result, const Figures& figures) {
  const Histogram& latencies = result.latencies;
  std::string out = fmt::format(
      "{}: {} clients on {} channels, {} thread{}; keys of {} bytes, {} of them; values of {} bytes\n\n",
      Name(options.operation), options.clients, options.channels, options.threads,
      options.threads == 1 ? "" : "s", options.key_size, options.key_space, options.value_size);
  out += fmt::format("  operations      {:>12}   in {:.2f} s\n", latencies.count(), figures.seconds);
  out += fmt::format("  per second      {:>12.0f}\n", PerSecond(result, figures));
  out += fmt::format("  errors          {:>12}\n", result.errors);
  out += fmt::format("  latency mean    {:>12.1f} us\n", latencies.mean() / 1000);
  for (const Part& part : kParts) {
    out += fmt::format("          {:<7} {:>12.1f} us\n", part.name, Micros(latencies.Percentile(part.part)));
  }
  out += fmt::format("          max     {:>12.1f} us\n", Micros(latencies.max()));
  out +=
      fmt::format("  our own CPU     {:>12.1f} us per operation\n", CpuMicrosPerOperation(result, figures));
  for (const auto& [text, count] : result.error_texts) out += fmt::format("\n  {} times: {}\n", count, text);
  return out;
}

std::string JsonReport(const Options& options, const Result& result, const Figures& figures) {
  nlohmann::ordered_json json;
  json["operation"] = Name(options.operation);
  json["clients"] = options.clients;
  json["channels"] = options.channels;
  json["threads"] = options.threads;
  json["key_size"] = options.key_size;
  json["value_size"] = options.value_size;
  json["key_space"] = options.key_space;
  json["serializable"] = options.serializable;
  json["operations"] = result.latencies.count();
  json["seconds"] = figures.seconds;
  json["per_second"] = PerSecond(result, figures);
  json["errors"] = result.errors;
  json["mean_us"] = result.latencies.mean() / 1000;
  for (const Part& part : kParts) {
    json[std::string(part.name) + "_us"] = Micros(result.latencies.Percentile(part.part));
  }
  json["max_us"] = Micros(result.latencies.max());
  json["client_cpu_us_per_op"] = CpuMicrosPerOperation(result, figures);
  json["error_texts"] = result.error_texts;
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace cairn::bench
