-- GCRA on Redis' own clock, so that replicas' clocks do not matter. KEYS: when the bucket is full again    ARGV: burst per_second
-- Gives: allowed(0|1), requests left (whole), milliseconds until the bucket is full, milliseconds until the next request.
local burst, interval = tonumber(ARGV[1]), 1000000 / tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
-- A clock set back leaves the bucket empty at most.
local full_at = tonumber(redis.call('GET', KEYS[1])) or now
full_at = math.max(now, math.min(full_at, now + burst * interval))
local allowed = 0
if full_at + interval <= now + burst * interval then
  full_at = full_at + interval
  allowed = 1
end
local full_in = full_at - now
-- Lua writes numbers this large with too few digits by itself. Once full it is as good as absent.
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', math.ceil(full_in / 1000) + 1000)
local left = math.floor(burst - full_in / interval + 0.000001)
return {allowed, left, math.ceil(full_in / 1000), math.max(0, math.ceil((full_in - (burst - 1) * interval) / 1000))}
