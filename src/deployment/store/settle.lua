-- Writes down what the chain says after data was lost: the next nonce, tokens that were made, and at last the epoch, without which no
-- nonce is given out.
-- KEYS: lease epoch next known    ARGV: token epoch (empty: not yet) next_nonce known_seconds, then: model...
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lease_lost' end
for i = 5, #ARGV do redis.call('SADD', KEYS[4], ARGV[i]) end
if #ARGV >= 5 then redis.call('EXPIRE', KEYS[4], ARGV[4]) end
if tonumber(ARGV[3]) > tonumber(redis.call('GET', KEYS[3]) or 0) then redis.call('SET', KEYS[3], ARGV[3]) end
if ARGV[2] ~= '' then redis.call('SET', KEYS[2], ARGV[2], 'NX') end
return 'saved'
