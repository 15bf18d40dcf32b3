-- wrk: sends a signed request to a flow. Environment: BENCH_BODY, BENCH_SIGNATURE (HMAC-SHA256 in hex).
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["x-hub-signature-256"] = "sha256=" .. (os.getenv("BENCH_SIGNATURE") or "")
wrk.body = os.getenv("BENCH_BODY") or "{}"

-- One line that the script reads: requests/s, latency percentiles in microseconds, errors.
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("WRK %.1f %d %d %d %d\n", summary.requests / (summary.duration / 1e6),
    latency:percentile(50), latency:percentile(99), summary.requests,
    e.connect + e.read + e.write + e.status + e.timeout))
end
