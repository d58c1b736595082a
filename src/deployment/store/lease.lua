-- Takes the lease if it is free and may be taken, prolongs it if it is ours. Gives the fencing token (empty: it is another's) and the epoch
-- (empty: the data is new or lost). Tokens never repeat, not even when everything was lost: they start from the clock of Redis.
-- KEYS: lease fence epoch    ARGV: our token (empty: none) ttl_ms may_take(0|1)
local epoch = redis.call('GET', KEYS[3]) or ''
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return {'', epoch} end
if not holder then
  if ARGV[3] == '0' then return {'', epoch} end
  if redis.call('EXISTS', KEYS[2]) == 0 then
    local time = redis.call('TIME')
    redis.call('SET', KEYS[2], string.format('%.0f', time[1] * 1000000 + time[2]))
  end
  holder = string.format('%.0f', redis.call('INCR', KEYS[2]))
end
redis.call('SET', KEYS[1], holder, 'PX', ARGV[2])
return {holder, epoch}
