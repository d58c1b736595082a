-- Takes the lease if it is free, prolongs it if it is ours. Gives the fencing token, 0 if it is another's.
-- KEYS: lease fence    ARGV: our token (0: none) ttl_ms
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
local token = holder
if not token then token = redis.call('INCR', KEYS[2]) end
redis.call('SET', KEYS[1], token, 'PX', ARGV[2])
return tonumber(token)
