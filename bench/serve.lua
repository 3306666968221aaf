-- For wrk: the request that bench/serve.sh measures, of ROWS customers, and the result as one row of a table.
local rows = {}
for row = 1, tonumber(os.getenv("ROWS") or "1") do
  rows[row] = string.format("[%d,%d,%d.25]", row % 374, 1 + row % 40, 10 + row * 7 % 9000)
end
wrk.method = "POST"
wrk.path = "/invocations"
wrk.headers["content-type"] = "application/json"
wrk.body = '{"dataframe_split":{"columns":["recency","frequency","monetary"],"data":['
  .. table.concat(rows, ",") .. "]}}"

-- Refused is what was answered with an error; broken is what was not answered, or too late.
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    "| %s | %d | %s | %d | %.0f | %.2f | %.2f | %d | %d |\n",
    os.getenv("SERVER"), #rows, os.getenv("CONNECTIONS"), summary.requests,
    summary.requests * 1e6 / summary.duration,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout
  ))
end
