-- wrk's script: sends the ready-made requests of a file one after the other, each once, over all connections,
-- then ends the run. Prints one line of JSON at the end.
-- BENCH_REQUESTS: the file; beside it FILE.lengths has the length of each request, a line each.
-- BENCH_RATE: requests a second over all connections, 0 = as fast as they are answered.
local ffi = require("ffi")
ffi.cdef [[
  struct timespec { long tv_sec; long tv_nsec; };
  int clock_gettime(int clock, struct timespec *time);
  int kill(int pid, int signal);
  int getpid(void);
]]

local now_ms
do
  local time = ffi.new("struct timespec")
  now_ms = function()
    ffi.C.clock_gettime(1, time)
    return tonumber(time.tv_sec) * 1e3 + tonumber(time.tv_nsec) / 1e6
  end
end

local rate = tonumber(os.getenv("BENCH_RATE") or "0")
local connections = tonumber(os.getenv("BENCH_CONNECTIONS"))
local file, lengths, thread
local sent, asked, idle = 0, 0, 0

function setup(one) thread = one end

function init()
  local path = os.getenv("BENCH_REQUESTS")
  file = assert(io.open(path, "rb"))
  file:setvbuf("full", 1048576)
  lengths = {}
  for length in io.lines(path .. ".lengths") do lengths[#lengths + 1] = tonumber(length) end
  sent = -1 -- wrk asks for one request before the run and throws it away
end

function request()
  sent = sent + 1
  if sent == 0 then return "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" end
  return file:read(lengths[sent])
end

-- Called before each request: the milliseconds to wait before it. A connection that has nothing more to send waits
-- for ever; when all of them do, all is answered.
function delay()
  began = began or now_ms()
  asked = asked + 1
  if asked > #lengths then
    idle = idle + 1
    if idle == connections then
      ended = now_ms()
      ffi.C.kill(ffi.C.getpid(), 2) -- SIGINT: wrk sums up and ends
    end
    return 1e9
  end
  if rate == 0 then return 0 end
  return math.max(0, began + asked * 1e3 / rate - now_ms())
end

function done(summary, latency)
  local errors = summary.errors
  local began, ended = thread:get("began"), thread:get("ended")
  local seconds = ended and (ended - began) / 1e3 or summary.duration / 1e6
  io.write(string.format(
    '{"answered": %d, "seconds": %.6f, "refused": %d, "broken": %d, "p50_ms": %.3f, "p99_ms": %.3f, ' ..
    '"p999_ms": %.3f, "max_ms": %.3f}\n',
    summary.requests, seconds, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3, latency.max / 1e3))
end
