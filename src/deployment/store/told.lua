-- Writes down how far a deployment has been told of, and when to go on. Refused to anyone who does not hold the endpoint's lease now. A deployment
-- whose record has changed since it was read stays marked, whatever its teller believed to be left.
-- KEYS: lease job due since told
-- ARGV: token id revision (as read; empty: whatever it is) told (empty: forget it) progress(0|1) delay_ms (empty: nothing is left to tell)
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lease_lost' end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local changed = ARGV[3] ~= '' and redis.call('HGET', KEYS[2], 'revision') ~= ARGV[3]
if ARGV[6] == '' and not changed then
  redis.call('ZREM', KEYS[3], ARGV[2])
  redis.call('ZREM', KEYS[4], ARGV[2])
else
  -- XX: what was forgotten meanwhile stays so.
  redis.call('ZADD', KEYS[3], 'XX', string.format('%.0f', now + (tonumber(ARGV[6]) or 0)), ARGV[2])
  if ARGV[5] == '1' then redis.call('ZADD', KEYS[4], 'XX', string.format('%.0f', now), ARGV[2]) end
end
if ARGV[4] == '' then redis.call('HDEL', KEYS[5], ARGV[2]) else redis.call('HSET', KEYS[5], ARGV[2], ARGV[4]) end
return 'saved'
