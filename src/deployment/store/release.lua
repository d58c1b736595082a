-- Gives the lease back, if it is still ours, so that another replica need not wait for its end.
-- KEYS: lease    ARGV: our token
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
