-- Stands before the scripts that write records: says that something of a deployment is untold, in the script that makes it so. It fails nothing: beyond
-- the bound whatever has been untold longest is forgotten, and counted.
local function mark(due, since, told, forgotten, id, most)
  local time = redis.call('TIME')
  local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
  redis.call('ZADD', due, 'NX', now, id)
  redis.call('ZADD', since, 'NX', now, id)
  local surplus = redis.call('ZCARD', since) - most
  if surplus <= 0 then return end
  for _, oldest in ipairs(redis.call('ZRANGE', since, 0, surplus - 1)) do
    redis.call('ZREM', due, oldest)
    redis.call('ZREM', since, oldest)
    redis.call('HDEL', told, oldest)
    redis.call('INCR', forgotten)
  end
end
