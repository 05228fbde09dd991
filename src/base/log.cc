#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <utility>

namespace gb::log {
namespace {

// The process has one standard error; this is its one writer.
struct State {
  std::shared_ptr<spdlog::logger> logger;
  std::atomic<Format> format{Format::kText};

  State()
      : logger(std::make_shared<spdlog::logger>(
            "gb", std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
    logger->flush_on(spdlog::level::info);
  }
};

State& state() {
  static State instance;
  return instance;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

void append_quoted(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (u < 0x20 || u == 0x7F) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", u);
      out += escape.data();
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

void write(Level level, std::string_view message, Fields fields) {
  State& s = state();
  const spdlog::level::level_enum spd_level = to_spdlog(level);
  if (!s.logger->should_log(spd_level)) return;
  std::string line;
  if (s.format == Format::kJson) {
    append_quoted(line, message);
    for (const Field& f : fields) {
      line += ",\"";
      line += f.key;
      line += "\":";
      if (f.quoted)
        append_quoted(line, f.value);
      else
        line += f.value;
    }
  } else {
    line = message;
    for (const Field& f : fields) {
      line.push_back(' ');
      line += f.key;
      line.push_back('=');
      if (f.quoted)
        append_quoted(line, f.value);
      else
        line += f.value;
    }
  }
  s.logger->log(spd_level, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

void configure(Level level, Format format) {
  State& s = state();
  s.format = format;
  s.logger->set_level(to_spdlog(level));
  if (format == Format::kJson)
    s.logger->set_pattern(R"({"ts":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","msg":%v})",
                          spdlog::pattern_time_type::utc);
  else
    s.logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
}

bool enabled(Level level) {
  return state().logger->should_log(to_spdlog(level));
}

void debug(std::string_view message, Fields fields) {
  write(Level::kDebug, message, fields);
}
void info(std::string_view message, Fields fields) {
  write(Level::kInfo, message, fields);
}
void warn(std::string_view message, Fields fields) {
  write(Level::kWarn, message, fields);
}
void error(std::string_view message, Fields fields) {
  write(Level::kError, message, fields);
}

}  // namespace gb::log
