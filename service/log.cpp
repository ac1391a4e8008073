#include "service/log.h"

#include <atomic>
#include <memory>
#include <utility>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "domain/time.h"
#include "service/clock.h"

namespace billhook::log {
namespace {

std::atomic<Format> chosen_format{Format::kJson};
thread_local Fields context = Fields::object();

spdlog::level::level_enum LevelOf(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      break;
  }
  return spdlog::level::err;
}

const char* NameOf(Level level) {
  constexpr const char* kNames[] = {"debug", "info", "warn", "error"};
  return kNames[static_cast<int>(level)];
}

// Never destroyed: a thread that still runs as the process ends may have something to say.
spdlog::logger& Logger() {
  static auto& logger = *[] {
    auto* made = new spdlog::logger("billhook", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return logger;
}

}  // namespace

void Configure(Level level, Format format) {
  chosen_format = format;
  Logger().set_level(LevelOf(level));
}

bool Writes(Level level) {
  return Logger().should_log(LevelOf(level));
}

void Write(Level level, std::string_view message, const Fields& fields) {
  if (!Writes(level)) return;
  Fields all = context;
  all.update(fields);
  Logger().log(LevelOf(level), "{}", Line(level, chosen_format, message, all, SystemClock()));
}

Context::Context(Fields fields) : before_(std::exchange(context, std::move(fields))) {}

Context::~Context() {
  context = std::move(before_);
}

std::string Line(Level level, Format format, std::string_view message, const Fields& fields,
                 std::int64_t unix_micros) {
  const std::string time = FormatRfc3339(unix_micros);
  // Texts that are not UTF-8 are written with replacement characters rather than not at all.
  const auto dump = [](const Fields& value) {
    return value.dump(-1, ' ', false, Fields::error_handler_t::replace);
  };
  if (format == Format::kJson) {
    Fields line = {{"time", time}, {"level", NameOf(level)}, {"message", message}};
    line.update(fields);
    return dump(line);
  }
  std::string line = time + " " + NameOf(level) + " " + std::string(message);
  for (const auto& [key, value] : fields.items()) line += " " + key + "=" + dump(value);
  return line;
}

}  // namespace billhook::log
