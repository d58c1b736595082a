-- A token bucket on Redis' own clock, so that replicas' clocks do not matter. KEYS: bucket    ARGV: burst per_second
-- Gives: allowed(0|1), tokens left (whole), milliseconds until the bucket is full, milliseconds until the next token.
local burst, rate = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(bucket[1]) or burst, tonumber(bucket[2]) or now
-- A clock set back gives nothing and takes nothing.
tokens = math.min(burst, tokens + math.max(0, now - at) * rate / 1000)
local allowed = 0
if tokens >= 1 then
  tokens = tokens - 1
  allowed = 1
end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', tostring(now))
local full = math.ceil((burst - tokens) * 1000 / rate)
-- Once full it is as good as absent.
redis.call('PEXPIRE', KEYS[1], full + 1000)
return {allowed, math.floor(tokens), full, math.max(0, math.ceil((1 - tokens) * 1000 / rate))}
