-- Accepts a deployment, or says why not. All or nothing: this is the only place where one comes into being.
-- KEYS: job queue model known epoch parked by_caller, and due since told forgotten
-- ARGV: id record mac accepted_ms fingerprint keyed(0|1) has_token(0|1) model_hash waiting_max listed_max listed_seconds marks_max (0: no mark)
-- The id of a request with an idempotency key is made from that key, so the record itself says whether it was used before.
if ARGV[6] == '1' then
  local known = redis.call('HGET', KEYS[1], 'fingerprint')
  if known then
    if known == ARGV[5] then return {'existing', ARGV[1]} end
    return {'mismatch', ''}
  end
end
local live = redis.call('GET', KEYS[3])
-- Its token may be on chain already, and not deep enough: what is under way is said.
if live then return {'busy', live} end
if ARGV[7] == '1' then
  if ARGV[6] == '0' then return {'token', ''} end
  -- Made by us before the records were lost? Then whoever asked for it, and asks again, learns of it.
  if redis.call('EXISTS', KEYS[5]) == 0 then return {'settling', ''} end
  if redis.call('SISMEMBER', KEYS[4], ARGV[8]) == 0 then return {'token', ''} end
end
if redis.call('ZCARD', KEYS[2]) + redis.call('ZCARD', KEYS[6]) >= tonumber(ARGV[9]) then return {'full', ''} end
redis.call('HSET', KEYS[1], 'revision', 1, 'record', ARGV[2], 'mac', ARGV[3], 'fingerprint', ARGV[5])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
redis.call('SET', KEYS[3], ARGV[1])
redis.call('ZADD', KEYS[7], ARGV[4], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[7], '-inf', ARGV[4] - ARGV[11] * 1000)
redis.call('ZREMRANGEBYRANK', KEYS[7], 0, -ARGV[10] - 1)
redis.call('EXPIRE', KEYS[7], ARGV[11])
if ARGV[12] ~= '0' then mark(KEYS[8], KEYS[9], KEYS[10], KEYS[11], ARGV[1], ARGV[12]) end
return {'new', ARGV[1]}
