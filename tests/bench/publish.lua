-- wrk: publishes events of about 600 bytes, each with an id of its own. One thread only: ids are unique within it. Environment:
-- BENCH_KEY or BENCH_KEYS (a file of keys, one a line, that publish in turn), BENCH_BATCH (1) events a request, BENCH_COMPANY ("bench"), BENCH_COMPANIES (that many in turn: bench-00000, ...), BENCH_PAYLOAD_BYTES (500),
-- BENCH_DELAY_MS (0) that each connection waits before a request, BENCH_SAME (unset): one and the same request, which costs wrk least.
local number = function (name, otherwise) return tonumber(os.getenv(name) or "") or otherwise end
local n_batch, n_companies = number("BENCH_BATCH", 1), number("BENCH_COMPANIES", 0)
local delay_ms = number("BENCH_DELAY_MS", 0)
local keys = {}
if os.getenv("BENCH_KEYS") then
  for line in io.lines(os.getenv("BENCH_KEYS")) do keys[#keys + 1] = line end
else
  keys[1] = os.getenv("BENCH_KEY") or ""
end

local random = io.open("/dev/urandom", "rb")
local function random_text(n)
  return (random:read(n):gsub(".", function (c) return string.char(97 + c:byte() % 26) end))
end

-- What no other run has.
local run = random_text(12)

-- A line of an order: 170 bytes, of which a third are its own, as in what applications send.
local things = { "Blue cotton shirt, size M", "Consulting hours, senior", "Annual licence, 5 seats", "Espresso beans, 1 kg" }
local function order_line(i)
  return string.format('{"id":"ln_%s","sku":"SKU-%06d","description":"%s","quantity":%d,"unit_price":"%d.%02d","currency":"EUR",'
    .. '"vat_rate":21,"created_at":"2026-11-%02dT%02d:%02d:%02dZ"}', random_text(12), i * 7919 % 1000000, things[i % #things + 1],
    i * 31 % 20 + 1, i * 104729 % 500, i * 37 % 100, i % 28 + 1, i % 24, i * 7 % 60, i * 13 % 60)
end

-- Below 2 KB nothing is compressed: bytes that hardly can be. Above, an order of as many lines as fit, which can.
local n_payload_bytes = number("BENCH_PAYLOAD_BYTES", 500)
local start, lines, n_line_bytes = '{"id":"doc_8f2c","pages":3,"amount":129.95,', {}, 0
while n_payload_bytes > 2000 and n_line_bytes < n_payload_bytes - 500 do
  lines[#lines + 1] = order_line(#lines)
  n_line_bytes = n_line_bytes + #lines[#lines] + 1
end
if #lines > 0 then start = start .. '"lines":[' .. table.concat(lines, ",") .. "]," end
start = start .. '"note":"'
local payload = start .. random_text(math.max(1, n_payload_bytes - #start - 2)) .. '"}'

local n = 0
local tail = '","payload":' .. payload .. "}"
local heads = {}
for i = 0, math.max(n_companies, 1) - 1 do
  local company = os.getenv("BENCH_COMPANY") or "bench"
  if n_companies > 0 then company = string.format("%s-%05d", company, i) end
  heads[i] = '{"event_type":"document.uploaded","company":"' .. company .. '","external_id":"upload-' .. run .. "-"
end

local function event()
  n = n + 1
  return heads[n_companies > 0 and n % n_companies or 0] .. string.format("%010d", n) .. tail
end

local function body()
  if n_batch == 1 then return event() end
  local events = {}
  for i = 1, n_batch do events[i] = event() end
  return '{"events":[' .. table.concat(events, ",") .. "]}"
end

-- All bodies have one length: so the heads are made once.
local request_heads = {}
function init()
  wrk.method = "POST"
  wrk.headers["content-type"] = "application/json"
  wrk.body = body()
  for i, key in ipairs(keys) do
    wrk.headers["authorization"] = "Bearer " .. key
    local all = wrk.format()
    request_heads[i] = all:sub(1, select(2, all:find("\r\n\r\n", 1, true)))
  end
end

if not os.getenv("BENCH_SAME") then
  function request() return request_heads[n % #keys + 1] .. body() end
end

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
