"""What must happen at once in Redis, as Lua.

A job's claim is a hash:

    holder     `<attempt> <worker>` of who may write its log; nobody else's frames are taken
    attempt    the newest attempt's number; it only rises
    until      when the holder's lease ends, in milliseconds of the server's clock
    taken      attempts that were given since the job was accepted or redriven
    handed     those of them that were handed back unfinished
    tenant     whose job it is
    redrive    how often it came back from the dead letters
    cancelled  there when it was told to stop
    placed     there where the log's frames have their places, and nobody holds the job
  also       channels of further edges that follow it, one in a line
"""

APPEND = """
-- KEYS: log, claim for each job. ARGV: channel, seconds to keep, then for each job: id, holder, first seq,
-- count, frames. Answers one number for each job: its log's new length, -1 (another attempt holds the job),
-- -2 (frames before these are missing in the log), -3 (no attempt is known to hold the job).
-- What is larger than 4 MiB is not sent to those who follow; they find it in the log a moment later. Redis
-- ends a subscription for which 32 MB wait (client-output-buffer-limit), and with it every other stream.
local answers, parts, at = {}, {}, 3
local function packed(job, first, from, to)
  local out = {struct.pack('>c26I4I4', job, first, to - from + 1)}
  for j = from, to do
    out[#out + 1] = struct.pack('>I4', #ARGV[j])
    out[#out + 1] = ARGV[j]
  end
  return table.concat(out)
end
for i = 1, #KEYS / 2 do
  local log, claim = KEYS[2 * i - 1], KEYS[2 * i]
  local first, count = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local held = redis.call('HMGET', claim, 'holder', 'also')
  local length = redis.call('LLEN', log)
  if not held[1] then
    answers[i] = -3
  elseif held[1] ~= ARGV[at + 1] then
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
      redis.call('EXPIRE', claim, ARGV[2])
    end
    answers[i] = length
    if ARGV[1] ~= '' or held[2] then
      local part = packed(ARGV[at], first, at + 4, to)
      local is_sent = #part <= 4194304
      if is_sent and ARGV[1] ~= '' then parts[#parts + 1] = part end
      for channel in string.gmatch(is_sent and held[2] or '', '[^\\n]+') do
        if channel ~= ARGV[1] then redis.call('PUBLISH', channel, part) end
      end
    end
  end
  at = at + 4 + count
end
if #parts > 0 then redis.call('PUBLISH', ARGV[1], table.concat(parts)) end
return answers
"""

PLACE = """
-- KEYS: log, claim. ARGV: channel, seconds to keep, job id, tenant, seq of the first frame, frames. Each
-- frame has its place: what stands there already is not written again, and nobody needs to hold the job.
-- Answers the log's length, or -2 where frames before these are missing.
local first, length = tonumber(ARGV[5]), redis.call('LLEN', KEYS[1])
if length < first then return -2 end
for i = 6 + length - first, #ARGV do
  redis.call('RPUSH', KEYS[1], ARGV[i])
end
redis.call('HSET', KEYS[2], 'tenant', ARGV[4], 'placed', 1)
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
local out = {struct.pack('>c26I4I4', ARGV[3], first, #ARGV - 5)}
for i = 6, #ARGV do
  out[#out + 1] = struct.pack('>I4', #ARGV[i])
  out[#out + 1] = ARGV[i]
end
local part = table.concat(out)
if #part <= 4194304 then
  if ARGV[1] ~= '' then redis.call('PUBLISH', ARGV[1], part) end
  for channel in string.gmatch(redis.call('HGET', KEYS[2], 'also') or '', '[^\\n]+') do
    if channel ~= ARGV[1] then redis.call('PUBLISH', channel, part) end
  end
end
return redis.call('LLEN', KEYS[1])
"""

CLAIM = """
-- KEYS: epoch, then claim, log for each job. ARGV: worker, seconds to keep, milliseconds of a lease, a name
-- for a new epoch, then for each job: tenant, epoch in which it was accepted, redrive, least attempt.
-- Answers for each job: attempt (0: none was given), length of its log, last frame, whether it was cancelled,
-- milliseconds for which another attempt's lease runs on, attempts that were lost, whether attempts may have
-- been forgotten. No attempt is given while a lease runs, or when the log is closed.
local answers, time = {}, redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], ARGV[4], 'NX')
local epoch = redis.call('GET', KEYS[1])
for i = 2, #KEYS, 2 do
  local claim, log, at = KEYS[i], KEYS[i + 1], 2 * i + 1
  local known = redis.call('HMGET', claim, 'holder', 'until', 'attempt', 'taken', 'handed', 'redrive',
                           'cancelled')
  local length = redis.call('LLEN', log)
  local last = length > 0 and redis.call('LINDEX', log, -1) or ''
  if tonumber(ARGV[at + 2]) > tonumber(known[6] or '0') and (length == 0 or string.find(last, '^[rez]')) then
    redis.call('DEL', log)
    redis.call('HDEL', claim, 'holder', 'cancelled', 'taken', 'handed')
    redis.call('HSET', claim, 'redrive', ARGV[at + 2])
    known[1], known[4], known[5], known[7], length, last = false, false, false, false, 0, ''
  end
  local left = known[1] and tonumber(known[2] or '0') - now or 0
  local attempt, taken = 0, tonumber(known[4] or '0')
  if string.find(last, '^[rez]') then
    left = 0
  elseif left <= 0 then
    left = 0
    attempt = math.max(tonumber(known[3] or '0'), tonumber(ARGV[at + 3])) + 1
    redis.call('HSET', claim, 'holder', attempt .. ' ' .. ARGV[1], 'attempt', attempt, 'taken', taken + 1,
               'until', now + ARGV[3], 'tenant', ARGV[at])
    redis.call('EXPIRE', claim, ARGV[2])
  end
  local forgotten = not known[3] and ARGV[at + 1] ~= '' and ARGV[at + 1] ~= epoch
  answers[#answers + 1] = {attempt, length, last, known[7] and 1 or 0, left,
                           taken - tonumber(known[5] or '0'), forgotten and 1 or 0}
end
return answers
"""

HOLD = """
-- KEYS: claims. ARGV: worker, milliseconds of a lease, seconds to keep, then the attempt at each. The leases
-- of these attempts, and of no others, are renewed; a claim that was forgotten is made again.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 1, #KEYS do
  local holder, mine = redis.call('HGET', KEYS[i], 'holder'), ARGV[i + 3] .. ' ' .. ARGV[1]
  if not holder then redis.call('HSET', KEYS[i], 'holder', mine, 'attempt', ARGV[i + 3], 'taken', 1) end
  if not holder or holder == mine then
    redis.call('HSET', KEYS[i], 'until', now + ARGV[2])
    redis.call('EXPIRE', KEYS[i], ARGV[3])
  end
end
return #KEYS
"""

RELEASE = """
-- KEYS: claim. ARGV: worker, attempt. The attempt hands the job back: its lease ends now.
if redis.call('HGET', KEYS[1], 'holder') == ARGV[2] .. ' ' .. ARGV[1] then
  redis.call('HSET', KEYS[1], 'until', 0)
  redis.call('HINCRBY', KEYS[1], 'handed', 1)
end
return 1
"""

CANCEL = """
-- KEYS: claim, log. ARGV: job id, seconds to keep, channel of cancels, payload of the last frame. Marks the
-- job, and tells whoever runs it; one that nobody holds ends here. Answers 1 when it ended here. A log whose
-- frames have their places is ended by who decides on them.
if redis.call('HEXISTS', KEYS[1], 'placed') == 1 then return 0 end
local last = redis.call('LINDEX', KEYS[2], -1)
if last and string.find(last, '^[rez]') then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HMGET', KEYS[1], 'holder', 'until', 'attempt')
redis.call('HSET', KEYS[1], 'cancelled', 1)
redis.call('EXPIRE', KEYS[1], ARGV[2])
if known[1] and tonumber(known[2] or '0') > now then
  redis.call('PUBLISH', ARGV[3], ARGV[1])
  return 0
end
local attempt, length = tonumber(known[3] or '0') + 1, redis.call('LLEN', KEYS[2])
redis.call('HSET', KEYS[1], 'holder', attempt .. ' ', 'attempt', attempt, 'until', 0)
local mark = length > 0 and attempt .. '@' .. length or attempt
redis.call('RPUSH', KEYS[2], 'e' .. mark .. ' ' .. ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[1])
return 1
"""

ATTACH = """
-- KEYS: claim. ARGV: channel, seconds to keep, most channels. A further edge follows the job: the newest of
-- them are kept, and the others find its frames in the log.
local also = {}
for channel in string.gmatch(redis.call('HGET', KEYS[1], 'also') or '', '[^\\n]+') do
  if channel ~= ARGV[1] then also[#also + 1] = channel end
end
also[#also + 1] = ARGV[1]
while #also > tonumber(ARGV[3]) do table.remove(also, 1) end
redis.call('HSET', KEYS[1], 'also', table.concat(also, '\\n'))
redis.call('EXPIRE', KEYS[1], ARGV[2])
return #also
"""
