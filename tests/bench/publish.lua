-- wrk: publishes one event of about 600 bytes per request. Environment: BENCH_KEY, BENCH_DELAY_MS.
local payload = string.format('{"id":"doc_%s","pages":3,"amount":129.95,"note":"%s"}', "8f2c", string.rep("x", 440))
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer " .. (os.getenv("BENCH_KEY") or "")
wrk.body = '{"event_type":"document.uploaded","company":"bench","payload":' .. payload .. '}'

local delay_ms = tonumber(os.getenv("BENCH_DELAY_MS") or "0")
if delay_ms > 0 then
  function delay() return delay_ms end
end

-- One line that the script reads: requests/s, latency percentiles in microseconds, errors.
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("WRK %.1f %d %d %d %d\n", summary.requests / (summary.duration / 1e6),
    latency:percentile(50), latency:percentile(99), summary.requests,
    e.connect + e.read + e.write + e.status + e.timeout))
end
