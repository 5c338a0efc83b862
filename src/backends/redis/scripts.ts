/**
 * Everything that has to happen in one step, as Lua that the server runs whole. KEYS[1] is the entry, KEYS[2] its claim.
 *
 * Why a write is a script and not SET and DEL in a row. The claim deleted first: somebody claims between the two, reads the
 * source before it changed, and his fill comes after our SET, under an unbroken claim. The claim deleted last: a fill that
 * was under way comes between the two and puts an old value over ours. In one step neither can happen.
 *
 * Times are relative, so that a server whose clock is off by an hour keeps entries as long as asked: '' is for ever, 0 is
 * over already. An error of Redis is returned, not raised: older servers bury the code of a raised one in prose. The
 * value goes first: once a script has written anything, a full server lets it write on.
 */
import { createHash } from 'node:crypto'

export interface Script {
  readonly source: string
  readonly sha: string
}

function script(source: string): Script {
  return { source, sha: createHash('sha1').update(source).digest('hex') }
}

/** Stores, or removes what rests there when the server is full: missing is better than old. */
const PUT = `
local function put(key, value, px)
  if px == '0' then redis.call('DEL', key) return 1 end
  local done
  if px == '' then done = redis.pcall('SET', key, value) else done = redis.pcall('SET', key, value, 'PX', px) end
  if not done.err then return 1 end
  if string.sub(done.err, 1, 3) ~= 'OOM' then return done end
  redis.call('DEL', key)
  return 'full'
end
`

/**
 * KEYS: the entries, then their claims; ARGV: px and value in turns. Answers the places, from 1 on, of those that did not fit: from
 * the first of them on, all.
 */
export const SET_MANY = script(`${PUT}
local failed = {}
local count = #KEYS / 2
for i = 1, count do
  local done = 'full'
  if #failed == 0 then done = put(KEYS[i], ARGV[2 * i], ARGV[2 * i - 1]) else redis.call('DEL', KEYS[i]) end
  if done == 'full' then
    failed[#failed + 1] = i
  elseif done ~= 1 then
    redis.call('DEL', unpack(KEYS, count + 1, count + i))
    return done
  end
end
redis.call('DEL', unpack(KEYS, count + 1, 2 * count))
return failed`)

/** ARGV: value, px. */
export const ADD = script(`${PUT}
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local done = put(KEYS[1], ARGV[1], ARGV[2])
redis.call('DEL', KEYS[2])
return done`)

/** ARGV: px, the first byte of what has times of its own. */
export const TOUCH = script(`
local first = redis.pcall('GETRANGE', KEYS[1], 0, 0)
if type(first) == 'table' then return first end
if first == '' then return redis.call('EXISTS', KEYS[1]) end
if first == ARGV[2] then return 'graced' end
if ARGV[1] == '' then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1`)

export const DELETE = script(`
redis.call('DEL', KEYS[2])
return redis.call('DEL', KEYS[1])`)

/** KEYS: entry and claim in turns. */
export const DELETE_MANY = script(`
local found = 0
for i = 1, #KEYS, 2 do
  redis.call('DEL', KEYS[i + 1])
  found = found + redis.call('DEL', KEYS[i])
end
return found`)

/**
 * ARGV: by, and, for a key that is made when missing: its first value, px. Digits that are no safe integer change nothing.
 * Answers in text: the libraries read large numbers inexactly.
 */
export const INCR = script(`${PUT}
local was = redis.pcall('GET', KEYS[1])
if type(was) == 'table' then return was end
if not was then
  if not ARGV[2] then return false end
  local done = put(KEYS[1], ARGV[2], ARGV[3])
  redis.call('DEL', KEYS[2])
  if done == 1 then return ARGV[2] end
  return done
end
if not string.find(was, '^%-?%d+$') then return 'not-a-number' end
local sum = tonumber(was) + tonumber(ARGV[1])
if sum > 9007199254740991 or sum < -9007199254740991 then return 'out-of-range' end
local done = redis.pcall('INCRBY', KEYS[1], ARGV[1])
if type(done) == 'table' then
  if string.find(done.err, 'not an integer') then return 'not-a-number' end
  return done
end
redis.call('DEL', KEYS[2])
return string.format('%.0f', sum)`)

/** Only KEYS[1]. The value, and how many milliseconds it has. */
export const PEEK = script(`
local value = redis.pcall('GET', KEYS[1])
if type(value) == 'table' then return value end
return { value, redis.call('PTTL', KEYS[1]) }`)

/** Only KEYS[1]. ARGV: what must rest there, value, px. */
export const REPLACE = script(`${PUT}
local was = redis.pcall('GET', KEYS[1])
if type(was) == 'table' then return was end
if was ~= ARGV[1] then return 0 end
return put(KEYS[1], ARGV[2], ARGV[3])`)

/** ARGV: token, ms. A value of another type is none: whoever makes the key will put one in its place. */
export const CLAIM = script(`
local claimed = redis.pcall('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])
if type(claimed) == 'table' and claimed.err then return claimed end
local value = redis.pcall('GET', KEYS[1])
if type(value) == 'table' then value = false end
return { value, claimed and 1 or 0 }`)

/** ARGV: token, ms. */
export const EXTEND = script(`
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[2], ARGV[2])`)

/** ARGV: token, value, px. */
export const FILL = script(`${PUT}
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
local done = put(KEYS[1], ARGV[2], ARGV[3])
redis.call('DEL', KEYS[2])
return done`)

/** ARGV: token, or nothing to end whoever's it is. */
export const RELEASE = script(`
if ARGV[1] and redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[2])`)
