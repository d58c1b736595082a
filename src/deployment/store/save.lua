-- Replaces a record and moves it to where its state belongs. Refused to anyone who does not hold the lease now, or who read an older record.
-- It never takes a nonce: that is bind's.
-- KEYS: lease job queue inflight parked model wishes spent changed, and due since told forgotten
-- ARGV: token id revision record mac place(queue|inflight|parked|deployed|failed) score retention_seconds answers_wish(0|1) spent_nonce (empty: none)
-- spent_max marks_max (0: no mark)
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lease_lost' end
if redis.call('HGET', KEYS[2], 'revision') ~= ARGV[3] then return 'stale' end
redis.call('HSET', KEYS[2], 'revision', ARGV[3] + 1, 'record', ARGV[4], 'mac', ARGV[5])
redis.call('XADD', KEYS[9], 'MAXLEN', '~', 10000, '*', 'id', ARGV[2])
redis.call('ZREM', KEYS[3], ARGV[2])
redis.call('ZREM', KEYS[4], ARGV[2])
redis.call('ZREM', KEYS[5], ARGV[2])
if ARGV[10] ~= '' then
  -- What was mined may be undone by a deep reorganisation; its bytes are then sent again.
  redis.call('ZADD', KEYS[8], ARGV[10], ARGV[2])
  redis.call('ZREMRANGEBYRANK', KEYS[8], 0, -ARGV[11] - 1)
end
if ARGV[9] == '1' then redis.call('HDEL', KEYS[7], ARGV[2]) end
if ARGV[6] == 'queue' then redis.call('ZADD', KEYS[3], ARGV[7], ARGV[2])
elseif ARGV[6] == 'inflight' then redis.call('ZADD', KEYS[4], ARGV[7], ARGV[2])
elseif ARGV[6] == 'parked' then redis.call('ZADD', KEYS[5], ARGV[7], ARGV[2])
else
  redis.call('HDEL', KEYS[7], ARGV[2])
  redis.call('EXPIRE', KEYS[2], ARGV[8])
  if redis.call('GET', KEYS[6]) == ARGV[2] then
    -- A failed model may be tried again; a deployed one has its token on chain, which outlives this key.
    if ARGV[6] == 'failed' then redis.call('DEL', KEYS[6]) else redis.call('EXPIRE', KEYS[6], ARGV[8]) end
  end
end
if ARGV[12] ~= '0' then mark(KEYS[10], KEYS[11], KEYS[12], KEYS[13], ARGV[2], ARGV[12]) end
return 'saved'
