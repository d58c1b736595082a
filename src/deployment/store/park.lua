-- Takes a record nobody can read out of the way, so that it does not stop the others. It is kept for a person to look at.
-- KEYS: lease queue inflight parked    ARGV: token id now_ms
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lease_lost' end
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('ZREM', KEYS[3], ARGV[2])
redis.call('ZADD', KEYS[4], ARGV[3], ARGV[2])
return 'saved'
