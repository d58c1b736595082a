-- Gives nonces to queued deployments, with the signed bytes that use them: all of them or none, so that no nonce is left out.
-- The next nonce moves here and nowhere else, but for what the chain itself says after a loss (settle).
-- KEYS: lease epoch next queue inflight changed, then for each job: job due since told forgotten
-- ARGV: token epoch first_nonce, then for each job: id revision record mac marks_max (0: no mark)
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lease_lost' end
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return 'unsettled' end
local nonce = tonumber(ARGV[3])
if nonce < tonumber(redis.call('GET', KEYS[3]) or 0) then return 'nonce_taken' end
local jobs = (#KEYS - 6) / 5
-- The score is the nonce: two live deployments with one nonce would mean that one is lost.
if #redis.call('ZRANGEBYSCORE', KEYS[5], nonce, nonce + jobs - 1) > 0 then return 'nonce_taken' end
for job = 0, jobs - 1 do
  if redis.call('HGET', KEYS[7 + 5 * job], 'revision') ~= ARGV[5 + 5 * job] then return 'stale' end
end
for job = 0, jobs - 1 do
  local key, arg = 7 + 5 * job, 4 + 5 * job
  local id = ARGV[arg]
  redis.call('HSET', KEYS[key], 'revision', ARGV[arg + 1] + 1, 'record', ARGV[arg + 2], 'mac', ARGV[arg + 3])
  redis.call('XADD', KEYS[6], 'MAXLEN', '~', 10000, '*', 'id', id)
  redis.call('ZREM', KEYS[4], id)
  redis.call('ZADD', KEYS[5], nonce + job, id)
  if ARGV[arg + 4] ~= '0' then mark(KEYS[key + 1], KEYS[key + 2], KEYS[key + 3], KEYS[key + 4], id, ARGV[arg + 4]) end
end
redis.call('SET', KEYS[3], string.format('%.0f', nonce + jobs))
return 'saved'
