#include "cmd/cairnd/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

namespace cairn::node {
namespace {

std::atomic<LogFormat> line_format{LogFormat::kText};

spdlog::level::level_enum LevelOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kFatal:
      return spdlog::level::critical;
  }
  return spdlog::level::info;
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        quoted += "\\\"";
        break;
      case '\\':
        quoted += "\\\\";
        break;
      case '\n':
        quoted += "\\n";
        break;
      case '\r':
        quoted += "\\r";
        break;
      case '\t':
        quoted += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
          quoted += c;
        }
    }
  }
  return quoted + '"';
}

void Log(spdlog::level::level_enum level, std::string_view message, std::initializer_list<LogField> fields) {
  spdlog::logger& logger = *spdlog::default_logger_raw();
  if (!logger.should_log(level)) return;
  const bool json = line_format.load(std::memory_order_relaxed) == LogFormat::kJson;
  const std::string line = json ? MembersAsJson(message, fields) : LineAsText(message, fields);
  logger.log(level, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

std::string LineAsText(std::string_view message, std::initializer_list<LogField> fields) {
  std::string line(message);
  for (const LogField& field : fields) {
    const bool plain = !field.value.empty() && field.value.find_first_of(" \"\\\n\r\t") == std::string::npos;
    line += fmt::format(" {}={}", field.key, plain ? field.value : Quoted(field.value));
  }
  return line;
}

std::string MembersAsJson(std::string_view message, std::initializer_list<LogField> fields) {
  std::string members = "\"msg\":" + Quoted(message);
  for (const LogField& field : fields)
    members += fmt::format(",{}:{}", Quoted(field.key), Quoted(field.value));
  return members;
}

absl::Status SetUpLog(const LogSettings& settings) {
  std::vector<spdlog::sink_ptr> sinks;
  for (const std::string& output : settings.outputs) {
    if (output == "stderr") {
      sinks.push_back(std::make_shared<spdlog::sinks::stderr_sink_mt>());
    } else if (output == "stdout") {
      sinks.push_back(std::make_shared<spdlog::sinks::stdout_sink_mt>());
    } else {
      try {
        sinks.push_back(std::make_shared<spdlog::sinks::basic_file_sink_mt>(output));
      } catch (const spdlog::spdlog_ex& error) {
        return absl::InvalidArgumentError(fmt::format("--log-outputs: {}", error.what()));
      }
    }
  }
  auto logger = std::make_shared<spdlog::logger>("cairnd", sinks.begin(), sinks.end());
  logger->set_level(LevelOf(settings.level));
  logger->flush_on(spdlog::level::info);
  if (settings.format == LogFormat::kJson) {
    logger->set_pattern("{\"level\":\"%l\",\"ts\":\"%Y-%m-%dT%H:%M:%S.%eZ\",%v}",
                        spdlog::pattern_time_type::utc);
  } else {
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %-7l %v", spdlog::pattern_time_type::utc);
  }
  line_format.store(settings.format, std::memory_order_relaxed);
  spdlog::set_default_logger(std::move(logger));
  return absl::OkStatus();
}

void LogDebug(std::string_view message, std::initializer_list<LogField> fields) {
  Log(spdlog::level::debug, message, fields);
}
void LogInfo(std::string_view message, std::initializer_list<LogField> fields) {
  Log(spdlog::level::info, message, fields);
}
void LogWarning(std::string_view message, std::initializer_list<LogField> fields) {
  Log(spdlog::level::warn, message, fields);
}
void LogError(std::string_view message, std::initializer_list<LogField> fields) {
  Log(spdlog::level::err, message, fields);
}

}  // namespace cairn::node
