"""What must happen at once in Redis, as Lua."""

APPEND = """
-- KEYS: log, claim for each job. ARGV: channel, seconds to keep, then for each job: id, attempt, first seq,
-- count, frames. Answers one number for each job: its log's new length, -1 (a newer attempt holds the job),
-- -2 (frames before these are missing in the log).
local answers, parts, at = {}, {}, 3
for i = 1, #KEYS / 2 do
  local log, claim = KEYS[2 * i - 1], KEYS[2 * i]
  local attempt, first, count = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local holder = tonumber(redis.call('HGET', claim, 'attempt') or '0')
  local length = redis.call('LLEN', log)
  if holder > attempt then
    answers[i] = -1
  elseif length < first then
    answers[i] = -2
  else
    local before, from, to = length, at + 4 + (length - first), at + 3 + count
    while from <= to do
      local stop = math.min(from + 999, to)
      length = redis.call('RPUSH', log, unpack(ARGV, from, stop))
      from = stop + 1
    end
    -- its life is renewed at its start and end, and every 16 frames: a call for each token would cost as much
    -- as the append
    local is_over = string.find(ARGV[to], '^[rez]')
    if before == 0 or is_over or math.floor(before / 16) ~= math.floor(length / 16) then
      redis.call('EXPIRE', log, ARGV[2])
    end
    answers[i] = length
    if ARGV[1] ~= '' then
      parts[#parts + 1] = struct.pack('>c26I4I4', ARGV[at], first, count)
      for j = at + 4, at + 3 + count do
        parts[#parts + 1] = struct.pack('>I4', #ARGV[j])
        parts[#parts + 1] = ARGV[j]
      end
    end
  end
  at = at + 4 + count
end
if #parts > 0 then redis.call('PUBLISH', ARGV[1], table.concat(parts)) end
return answers
"""

CLAIM = """
-- KEYS: claim, log for each job. ARGV: worker, seconds to keep, milliseconds of a lease. Answers for each
-- job: attempt (0: none was given), length of its log, last frame, whether it was cancelled, milliseconds for
-- which another worker's lease runs on. No attempt is given while a lease runs, or when the log is closed.
local answers, time = {}, redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 1, #KEYS, 2 do
  local claim, length = KEYS[i], redis.call('LLEN', KEYS[i + 1])
  local last = length > 0 and redis.call('LINDEX', KEYS[i + 1], -1) or ''
  local holder = redis.call('HMGET', claim, 'worker', 'until')
  local left = holder[1] and holder[1] ~= ARGV[1] and tonumber(holder[2] or '0') - now or 0
  local attempt = 0
  if string.find(last, '^[rez]') then
    left = 0
  elseif left <= 0 then
    attempt, left = redis.call('HINCRBY', claim, 'attempt', 1), 0
    redis.call('HSET', claim, 'worker', ARGV[1], 'until', now + ARGV[3])
    redis.call('EXPIRE', claim, ARGV[2])
  end
  answers[#answers + 1] = {attempt, length, last, redis.call('HEXISTS', claim, 'cancelled'), left}
end
return answers
"""

HOLD = """
-- KEYS: claims. ARGV: worker, milliseconds. The worker's leases, and nobody else's, end so long from now.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 1, #KEYS do
  if redis.call('HGET', KEYS[i], 'worker') == ARGV[1] then
    redis.call('HSET', KEYS[i], 'until', now + ARGV[2])
  end
end
return #KEYS
"""
