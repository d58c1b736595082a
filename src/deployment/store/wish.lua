-- Leaves a wish (cancel, close, retry) for the holder of the lease, who alone changes records.
-- KEYS: wishes job    ARGV: id wish wishes_max
if redis.call('EXISTS', KEYS[2]) == 0 then return 'unknown' end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 'full' end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 'saved'
