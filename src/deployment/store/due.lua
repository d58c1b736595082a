-- The deployments of which something is to be told now, those that wait longest first, and how many there are.
-- KEYS: lease due since told forgotten    ARGV: token most
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {0, 0, false, 0, {}, {}} end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local ids = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[2])
local told = {}
for i, id in ipairs(ids) do told[i] = redis.call('HGET', KEYS[4], id) or '' end
local oldest = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')[2]
local forgotten = redis.call('GET', KEYS[5]) or 0
redis.call('DEL', KEYS[5])
return {1, redis.call('ZCARD', KEYS[2]), oldest and now - oldest or false, tonumber(forgotten), ids, told}
