// One line per thing that happened, to standard error, as text or JSON. Values are data: they are
// escaped, and no secret is ever passed here.
//
//   log::info("dump started", {{"backup", "nightly"}, {"node", "10.0.0.1:3306"}});
//
// Thread safety: all functions, from any thread, after configure() was called once at start
// (without it, level info and text).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace gb::log {

enum class Level { kDebug, kInfo, kWarn, kError };
enum class Format { kText, kJson };

struct Field {
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  Field(std::string_view k, std::uint64_t v) : key(k), value(std::to_string(v)), quoted(false) {}
  Field(std::string_view k, std::int64_t v) : key(k), value(std::to_string(v)), quoted(false) {}
  Field(std::string_view k, int v) : key(k), value(std::to_string(v)), quoted(false) {}
  std::string_view key;
  std::string value;
  bool quoted = true;
};
using Fields = std::initializer_list<Field>;

void configure(Level level, Format format);
[[nodiscard]] bool enabled(Level level);

void debug(std::string_view message, Fields fields = {});
void info(std::string_view message, Fields fields = {});
void warn(std::string_view message, Fields fields = {});
void error(std::string_view message, Fields fields = {});

}  // namespace gb::log
