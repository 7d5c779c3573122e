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
    local from, to = at + 4 + (length - first), at + 3 + count
    while from <= to do
      local stop = math.min(from + 999, to)
      length = redis.call('RPUSH', log, unpack(ARGV, from, stop))
      from = stop + 1
    end
    redis.call('EXPIRE', log, ARGV[2])
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
-- KEYS: claim, log for each job. ARGV: worker, seconds to keep. Answers for each job: attempt, length of its
-- log, last frame, whether it was cancelled.
local answers = {}
for i = 1, #KEYS, 2 do
  local attempt = redis.call('HINCRBY', KEYS[i], 'attempt', 1)
  redis.call('HSET', KEYS[i], 'worker', ARGV[1])
  redis.call('EXPIRE', KEYS[i], ARGV[2])
  local length = redis.call('LLEN', KEYS[i + 1])
  local last = length > 0 and redis.call('LINDEX', KEYS[i + 1], -1) or ''
  answers[#answers + 1] = {attempt, length, last, redis.call('HEXISTS', KEYS[i], 'cancelled')}
end
return answers
"""
