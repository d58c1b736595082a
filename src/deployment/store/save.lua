-- Replaces a record and moves it to where its state belongs. Refused to anyone who does not hold the lease now, or who read an older record.
-- KEYS: lease job queue inflight model
-- ARGV: token id revision record place(queue|inflight|deployed|failed) score retention_seconds
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lease_lost' end
if redis.call('HGET', KEYS[2], 'revision') ~= ARGV[3] then return 'stale' end
if ARGV[5] == 'inflight' then
  -- The score is the nonce: two live deployments with one nonce would mean that one is lost.
  for _, holder in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], ARGV[6], ARGV[6])) do
    if holder ~= ARGV[2] then return 'nonce_taken' end
  end
end
redis.call('HSET', KEYS[2], 'revision', ARGV[3] + 1, 'record', ARGV[4])
redis.call('ZREM', KEYS[3], ARGV[2])
redis.call('ZREM', KEYS[4], ARGV[2])
if ARGV[5] == 'queue' then redis.call('ZADD', KEYS[3], ARGV[6], ARGV[2])
elseif ARGV[5] == 'inflight' then redis.call('ZADD', KEYS[4], ARGV[6], ARGV[2])
else
  redis.call('EXPIRE', KEYS[2], ARGV[7])
  if redis.call('GET', KEYS[5]) == ARGV[2] then
    -- A failed model may be tried again; a deployed one has its token on chain, which outlives this key.
    if ARGV[5] == 'failed' then redis.call('DEL', KEYS[5]) else redis.call('EXPIRE', KEYS[5], ARGV[7]) end
  end
end
return 'saved'
