-- Takes a record nobody can read, or that was not written by us, out of the way, so that it does not stop the others. It is kept for a
-- person to look at.
-- KEYS: lease queue inflight parked wishes    ARGV: token id now_ms (0: forget it)
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lease_lost' end
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('ZREM', KEYS[3], ARGV[2])
redis.call('HDEL', KEYS[5], ARGV[2])
if ARGV[3] == '0' then redis.call('ZREM', KEYS[4], ARGV[2]) else redis.call('ZADD', KEYS[4], ARGV[3], ARGV[2]) end
return 'saved'
