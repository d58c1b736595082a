-- Accepts a deployment, or says why not. All or nothing: this is the only place where one comes into being.
-- KEYS: job queue model idempotency    ARGV: id record accepted_ms fingerprint has_token queue_max idempotency_seconds (0: no key)
local keyed = tonumber(ARGV[7]) > 0
if keyed then
  local known = redis.call('HMGET', KEYS[4], 'id', 'fingerprint')
  if known[1] then
    if known[2] == ARGV[4] then return {'existing', known[1]} end
    return {'mismatch', ''}
  end
end
if ARGV[5] == '1' then return {'token', ''} end
local live = redis.call('GET', KEYS[3])
if live then return {'busy', live} end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[6]) then return {'full', ''} end
redis.call('HSET', KEYS[1], 'revision', 1, 'record', ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
redis.call('SET', KEYS[3], ARGV[1])
if keyed then
  redis.call('HSET', KEYS[4], 'id', ARGV[1], 'fingerprint', ARGV[4])
  redis.call('EXPIRE', KEYS[4], ARGV[7])
end
return {'new', ARGV[1]}
