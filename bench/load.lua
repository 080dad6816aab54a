-- wrk's script: posts the lines of a file, one after the other, as JSON; without a file it gets the URL.
-- Arguments after "--": the file; and "statuses" to tell answers of 503 from other errors, which costs wrk some speed.

local requests = {}
local sent = 0
local threads = {}
unavailable = 0

function setup(thread)
  threads[#threads + 1] = thread
end

function init(args)
  if args[1] == nil then
    requests[1] = wrk.format("GET")
  else
    for line in io.lines(args[1]) do
      requests[#requests + 1] = wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, line)
    end
  end
  if args[2] == "statuses" then
    function response(status)
      if status == 503 then
        unavailable = unavailable + 1
      end
    end
  end
end

function request()
  sent = sent + 1
  return requests[sent % #requests + 1]
end

function done(summary, latency)
  local refused = 0
  for _, thread in ipairs(threads) do
    refused = refused + thread:get("unavailable")
  end
  local errors = summary.errors
  io.write(string.format(
    'LOAD {"seconds":%f,"accepted":%d,"unavailable":%d,"otherErrors":%d,"socketErrors":%d,"p99Ms":%f}\n',
    summary.duration / 1e6,
    summary.requests - errors.status,
    refused,
    errors.status - refused,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(99) / 1000
  ))
end
