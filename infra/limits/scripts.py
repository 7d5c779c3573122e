"""What must happen to a tenant's limits at once in Redis, as Lua.

    limits:{tenant}        a hash
        r, t, at               how much of the buckets of requests and of tokens is used, and when it was so
        rc, tc                 the buckets' capacities; they refill evenly over a minute
        b|scope|unit|period    a budget: `end spent changes read`: when its period ends (0: never), what the
                               ledger says is spent, after how many changes, when that was written here
        h|scope|unit           what running jobs are held for
    limits:{tenant}:jobs   a hash: a running job's `charged tokens micro_usd key`
    limits:{tenant}:due    a sorted set: when a job that never ends is held no longer

A scope is `*`, the tenant, or the id of an API key. What is spent is always a whole number from the ledger,
never a difference, so that it may be written again, late, or in another order; of two, the one with more
changes counts. Moments are milliseconds of the server's clock.
"""

_COMMON = """
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local function free(scope, unit, amount)
  local field = 'h|' .. scope .. '|' .. unit
  if amount ~= '0' and redis.call('HINCRBY', KEYS[1], field, '-' .. amount) <= 0 then
    redis.call('HDEL', KEYS[1], field)
  end
end
local function drop(job)
  local held = redis.call('HGET', KEYS[2], job)
  if not held then return nil end
  local charged, tokens, micro, key = string.match(held, '^(%S+) (%S+) (%S+) (%S*)$')
  redis.call('HDEL', KEYS[2], job)
  redis.call('ZREM', KEYS[3], job)
  free('*', 'tokens', tokens)
  free('*', 'micro_usd', micro)
  if key ~= '' then
    free(key, 'tokens', tokens)
    free(key, 'micro_usd', micro)
  end
  return tonumber(charged), tonumber(tokens), tonumber(micro)
end
local function number(value) return tonumber(value or 0) end
local function used(kept, capacity, at)
  local most = math.min(number(kept), 2 * capacity)
  return math.max(0, most - math.max(0, now - at) * capacity / 60000)
end
local function tell(field, told)
  -- told: `end spent changes`
  local ends, changes = string.match(told, '^(%S+) %S+ (%S+)$')
  local known = redis.call('HGET', KEYS[1], field)
  local old_end, old_changes = string.match(known or '', '^(%S+) %S+ (%S+)')
  if not known or tonumber(ends) ~= tonumber(old_end) or tonumber(changes) >= tonumber(old_changes) then
    redis.call('HSET', KEYS[1], field, told .. ' ' .. string.format('%.0f', now))
  end
end
"""

ADMIT = (
    _COMMON
    + """
-- ARGV: seconds to keep, cost, capacity, tokens, capacity of tokens, job, key, micro_usd, milliseconds to
-- hold, milliseconds for which a budget's reading is good, the job that this one goes on from or '', then for
-- each budget: its field, the field of what is held, need, amount, and a fresh reading, '' or 'known' (take
-- the one there is, however old).
-- Answers a verdict (0: let in; 1: too many requests; 2: too many tokens; 3, 4, ...: the first, second, ...
-- budget is used up; -1: a budget must be read), now, and of requests and then of tokens: whole units left,
-- milliseconds until full; milliseconds until it fits; then for each budget what is spent, what is held, and
-- its end; all in one line, which is read faster than an array. Nothing is taken unless all of it is let
-- in. A request without a job takes no tokens. A job that goes on from another one takes over what that one
-- is held for and charged; the rest of its tokens is charged when it has ended, and no bucket refuses it.
local cost, capacity = tonumber(ARGV[2]), tonumber(ARGV[3])
local tokens, most, job = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local micro, from = tonumber(ARGV[8]), ARGV[11]
local charged, added = math.min(tokens, most), 0
for _, late in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 50)) do drop(late) end
if from ~= '' then
  charged = 0
  for _, one in ipairs({job, from}) do
    local held = {drop(one)}
    if held[1] then
      charged, tokens, micro = charged + held[1], math.max(tokens, held[2]), math.max(micro, held[3])
    end
  end
else
  added = charged
  if job ~= '' then drop(job) end
end
local kept = redis.call('HMGET', KEYS[1], 'r', 't', 'at')
local at = number(kept[3] or now)
local requests, answer = used(kept[1], capacity, at), {}
local taken = used(kept[2], most, at)
local verdict, wait = 0, 0
if (cost > 0 and capacity <= 0) or (from == '' and tokens > 0 and most <= 0) then
  verdict, wait = capacity <= 0 and 1 or 2, 120000
end
cost = math.min(cost, capacity)
if verdict > 0 then
elseif cost > 0 and requests + cost > capacity + 0.000001 then
  verdict, wait = 1, (requests + cost - capacity) * 60000 / capacity
elseif added > 0 and taken + added > most + 0.000001 then
  verdict, wait = 2, (taken + added - most) * 60000 / most
end
for i = 12, #ARGV, 5 do
  local field, need = ARGV[i], tonumber(ARGV[i + 2])
  local known, told = nil, ARGV[i + 4]
  if told ~= '' and told ~= 'known' then tell(field, told) end
  local both = redis.call('HMGET', KEYS[1], field, ARGV[i + 1])
  local ends, spent, _, read = string.match(both[1] or '', '^(%S+) (%S+) (%S+) (%S+)$')
  local is_over = ends and ends ~= '0' and tonumber(ends) <= now
  if not ends or is_over or (told == '' and now - tonumber(read) > tonumber(ARGV[10])) then
    verdict, spent, ends = -1, spent or '0', ends or '0'
  elseif verdict == 0 and need >= 0 and tonumber(spent) + number(both[2]) + need > tonumber(ARGV[i + 3]) then
    verdict = 3 + (i - 12) / 5
  end
  answer[#answer + 1] = tonumber(spent)
  answer[#answer + 1] = number(both[2])
  answer[#answer + 1] = tonumber(ends)
end
if verdict == 0 and cost + added > 0 then
  requests, taken = requests + cost, taken + added
  redis.call('HSET', KEYS[1], 'r', string.format('%.17g', requests), 't', string.format('%.17g', taken),
    'at', string.format('%.3f', now), 'rc', capacity, 'tc', most)
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
if verdict == 0 and job ~= '' then
  redis.call('HSET', KEYS[2], job, string.format('%.0f %.0f %.0f ', charged, tokens, micro) .. ARGV[7])
  redis.call('ZADD', KEYS[3], string.format('%.0f', now + ARGV[9]), job)
  redis.call('EXPIRE', KEYS[2], ARGV[1])
  redis.call('EXPIRE', KEYS[3], ARGV[1])
  for _, scope in ipairs(ARGV[7] == '' and {'*'} or {'*', ARGV[7]}) do
    local held = 'h|' .. scope
    redis.call('HINCRBY', KEYS[1], held .. '|tokens', string.format('%.0f', tokens))
    if micro > 0 then redis.call('HINCRBY', KEYS[1], held .. '|micro_usd', string.format('%.0f', micro)) end
  end
end
local function state(full, part)
  local left = math.max(0, math.floor(full - part + 0.000001))
  return left, full > 0 and math.ceil(part * 60000 / full) or 0
end
local left, until_full = state(capacity, requests)
local tokens_left, tokens_full = state(most, taken)
local numbers = {verdict, now, left, until_full, tokens_left, tokens_full, math.ceil(wait), unpack(answer)}
for i = 1, #numbers do numbers[i] = string.format('%.0f', numbers[i]) end
return table.concat(numbers, ' ')
"""
)

SETTLE = (
    _COMMON
    + """
-- ARGV: seconds to keep, how many budgets, each with its field and reading, then jobs, each with the tokens
-- that it used. Answers how many of the jobs were held; of the others nothing is changed.
local settled, difference, at = 0, 0, 3 + 2 * ARGV[2]
for i = 3, at - 1, 2 do tell(ARGV[i], ARGV[i + 1]) end
for i = at, #ARGV, 2 do
  local charged = drop(ARGV[i])
  if charged then
    settled = settled + 1
    difference = difference + tonumber(ARGV[i + 1]) - charged
  end
end
local kept = redis.call('HMGET', KEYS[1], 'r', 't', 'at', 'rc', 'tc')
if settled > 0 and kept[3] then
  local since, most = number(kept[3]), number(kept[5])
  local taken = math.max(0, math.min(2 * most, used(kept[2], most, since) + difference))
  redis.call('HSET', KEYS[1], 'r', string.format('%.17g', used(kept[1], number(kept[4]), since)),
    't', string.format('%.17g', taken), 'at', string.format('%.3f', now))
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return settled
"""
)
