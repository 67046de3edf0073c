#pragma once

#include <absl/status/status.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "cmd/cairnd/settings.h"

namespace cairn::node {

// A named value of a log line: in text `key=value` after the message, in JSON a member of its own.
struct LogField {
  std::string_view key;
  std::string value;
};

// From here on log lines go where the settings say. Until then they go to standard error as text.
// InvalidArgument: a file that cannot be opened. To be called before threads that log are started.
absl::Status SetUpLog(const LogSettings& settings);

// One line each. Thread-safe. Messages are sentences without a final stop, without values inside: those are
// fields.
void LogDebug(std::string_view message, std::initializer_list<LogField> fields = {});
void LogInfo(std::string_view message, std::initializer_list<LogField> fields = {});
void LogWarning(std::string_view message, std::initializer_list<LogField> fields = {});
void LogError(std::string_view message, std::initializer_list<LogField> fields = {});

// What a line looks like, without its time and level. Pure; for the formatters and their test.
std::string LineAsText(std::string_view message, std::initializer_list<LogField> fields);
std::string MembersAsJson(std::string_view message, std::initializer_list<LogField> fields);

}  // namespace cairn::node
