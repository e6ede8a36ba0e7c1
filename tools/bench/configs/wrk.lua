-- wrk -s wrk.lua URL -- HEADERS    (HEADERS: 3 or 10)
-- Sets the request head of the benchmark and prints the summary as one JSON line.

function init(args)
  wrk.headers["Host"] = "bench.example.com"
  wrk.headers["Accept"] = "*/*"
  if args[1] == "10" then
    wrk.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
      .. "Chrome/126.0.0.0 Safari/537.36"
    wrk.headers["Accept-Language"] = "en-US,en;q=0.9"
    wrk.headers["Accept-Encoding"] = "gzip, deflate, br"
    wrk.headers["Referer"] = "http://bench.example.com/start/page"
    wrk.headers["Cache-Control"] = "no-cache"
    wrk.headers["X-Forwarded-Proto"] = "http"
    wrk.headers["Traceparent"] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    wrk.headers["Cookie"] = "session=4d3b1a0f9c8e7d6b5a4f3e2d1c0b9a8f7e6d5c4b; theme=dark; "
      .. "consent=yes; visitor=9f8e7d6c5b4a39281706f5e4d3c2b1a0"
  else
    wrk.headers["User-Agent"] = "wrk"
  end
  -- The same bytes every time: rendered once.
  local request = wrk.format("GET", wrk.path)
  wrk.request = function() return request end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"errors":%d,"non_2xx":%d,"seconds":%.4f,"rps":%.1f,"p50_us":%.1f,"p99_us":%.1f}\n',
    summary.requests, errors.connect + errors.read + errors.write + errors.timeout, errors.status,
    summary.duration / 1e6, summary.requests / (summary.duration / 1e6),
    latency:percentile(50), latency:percentile(99)))
end
