-- What a key has had today (UTC, by Redis' clock). KEYS: its hash    ARGV: deployments (-1 gives back), gas of each, most of either (0: no limit)
-- Gives: allowed(0|1), seconds until the next day.
local clock = tonumber(redis.call('TIME')[1])
local day, left = math.floor(clock / 86400), 86400 - clock % 86400
local number, deployments_max, gas_max = tonumber(ARGV[1]), tonumber(ARGV[3]), tonumber(ARGV[4])
local gas = number * tonumber(ARGV[2])
local had = redis.call('HMGET', KEYS[1], 'day', 'deployments', 'gas')
local deployments, used = tonumber(had[2]) or 0, tonumber(had[3]) or 0
if tonumber(had[1]) ~= day then
  deployments, used = 0, 0
end
local full = (deployments_max > 0 and deployments + number > deployments_max) or (gas_max > 0 and used + gas > gas_max)
if full then
  return {0, left}
end
local text = function(count) return string.format('%.0f', math.max(0, count)) end
redis.call('HSET', KEYS[1], 'day', text(day), 'deployments', text(deployments + number), 'gas', text(used + gas))
redis.call('EXPIRE', KEYS[1], left + 60)
return {1, left}
