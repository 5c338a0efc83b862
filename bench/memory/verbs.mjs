// @ts-check
/** What does a verb cost in the process, beside a Map, beside any promise at all, and beside the peers? */
import { timed } from '../harness.mjs'
import { CONTENDERS } from './contenders.mjs'

const SMALL = keys(1_000)
const MANY = keys(100_000)
const ASYNC = 'async floor'
const memory = 'stillwarm memory'
const object = 'stillwarm object'
const inTurn = 'stillwarm object.sync'

/** The best peers and the floors; the slow ones are asked once, in A1. */
const NEAR = ['Map', ASYNC, 'lru-cache + ttl', memory, object, inTurn, 'cache-manager']

/** Like-shaped records, about 10 KB as JSON. */
const RECORDS = Array.from({ length: 100 }, (_, i) => ({
  id: i * 7919,
  name: `user number ${i}`,
  email: `user${i}@example.com`,
  active: i % 3 === 0,
  score: i / 7,
}))

/** @type {import('../harness.mjs').Row[]} */
export const rows = [
  {
    name: 'A1 A2 get, a hit among 1,000 keys',
    unit: 'ns',
    limit: ASYNC,
    contenders: filled(Object.keys(CONTENDERS), SMALL, 42),
    goals: [
      { contender: memory, of: ASYNC, times: 0.6 },
      { contender: object, of: ASYNC, times: 0.6 },
      { contender: memory, of: 'cache-manager', times: 3.5 },
      { contender: memory, of: 'bentocache', times: 25 },
      { contender: inTurn, of: 'lru-cache + ttl', times: 0.8 },
    ],
  },
  {
    name: 'A3 get, a hit among 100,000 keys',
    unit: 'ns',
    limit: ASYNC,
    contenders: filled(NEAR, MANY, 42),
    goals: [
      { contender: memory, of: ASYNC, times: 0.6 },
      { contender: inTurn, of: 'lru-cache + ttl', times: 0.8 },
      { contender: memory, of: 'cache-manager', times: 1.9 },
    ],
  },
  {
    // Django's LocMemCache takes 0.55 of a JSON.parse here, and the goal is 1.5 times as fast as it.
    name: 'A4 get, a hit of 10 KB',
    unit: 'ns',
    limit: 'JSON.parse',
    contenders: {
      'JSON.parse': () => {
        const text = JSON.stringify(RECORDS)
        return timed((n) => {
          for (let i = 0; i < n; i++) JSON.parse(text)
        })
      },
      ...Object.fromEntries(
        Object.values(filled([memory], SMALL, 42)).map((make) => ['stillwarm memory, a small value', make]),
      ),
      ...filled(
        [
          memory,
          'stillwarm memory, frozen',
          object,
          'catbox-memory',
          'bentocache',
          'cacheable',
          'keyv',
          'unstorage',
        ],
        keys(100),
        RECORDS,
      ),
    },
    goals: [
      { contender: 'stillwarm memory, frozen', of: 'stillwarm memory, a small value', times: 0.9 },
      { contender: object, of: 'stillwarm memory, a small value', times: 0.9 },
      { contender: memory, of: 'JSON.parse', times: 2.75 },
      { contender: memory, of: 'catbox-memory', times: 2.5 },
      { contender: memory, of: 'keyv', times: 13 },
    ],
  },
  {
    name: 'A5 get, a miss',
    unit: 'ns',
    limit: ASYNC,
    contenders: filled(
      [...NEAR, 'bentocache'],
      SMALL,
      42,
      (cache) => (key) => cache.get(key),
      keys(1_000, 'not'),
    ),
    goals: [
      { contender: memory, of: ASYNC, times: 0.6 },
      { contender: memory, of: 'cache-manager', times: 2.5 },
      { contender: memory, of: 'bentocache', times: 25 },
    ],
  },
  {
    name: 'A6 set, an overwrite',
    unit: 'ns',
    limit: ASYNC,
    contenders: filled([...NEAR, 'bentocache'], SMALL, 42, (cache) => (key) => cache.set(key, 43)),
    goals: [
      { contender: memory, of: ASYNC, times: 0.5 },
      { contender: memory, of: 'cache-manager', times: 8 },
      { contender: memory, of: 'bentocache', times: 35 },
    ],
  },
  {
    name: 'A6 set, evicting: 20,000 keys, room for 10,000',
    unit: 'ns',
    limit: ASYNC,
    contenders: filled(
      [ASYNC, 'lru-cache + ttl', memory, object, 'bentocache'],
      keys(20_000),
      42,
      (cache) => (key) => cache.set(key, 43),
      undefined,
      10_000,
    ),
    goals: [{ contender: memory, of: ASYNC, times: 0.5 }],
  },
  {
    name: 'A7 getOrSet, a hit',
    unit: 'ns',
    limit: ASYNC,
    contenders: filled(
      [
        ASYNC,
        memory,
        object,
        'layered-loader',
        'lru-cache fetch',
        'async-cache-dedupe',
        'cache-manager',
        'bentocache',
      ],
      SMALL,
      42,
      (cache) => {
        const load = async () => 42
        return (key) => cache.getOrSet?.(key, load)
      },
    ),
    goals: [
      { contender: memory, of: 'layered-loader', times: 0.75 },
      { contender: memory, of: 'cache-manager', times: 7 },
      { contender: memory, of: 'bentocache', times: 25 },
    ],
  },
  {
    // Where a Map takes 29 ns, Django's LocMemCache takes 1,920 and LRUObjectCache 801; the goal is a twelfth and a fifth of
    // that, in turn a fourteenth of the latter.
    name: 'A8 90 % get, 9 % set, 1 % delete: 1,100 keys, room for 500',
    unit: 'ns',
    limit: 'Map',
    contenders: filled(
      [
        'Map',
        ASYNC,
        'lru-cache + ttl',
        memory,
        object,
        inTurn,
        'CacheableMemory, LRU, no clones',
        'bentocache',
      ],
      keys(1_100),
      42,
      (cache) => {
        let turn = 0
        return (key) => {
          turn = turn === 99 ? 0 : turn + 1
          if (turn === 0) return cache.delete?.(key)
          return turn < 10 ? cache.set(key, turn) : cache.get(key)
        }
      },
      undefined,
      500,
    ),
    goals: [
      { contender: memory, of: 'Map', times: 0.18 },
      { contender: inTurn, of: 'Map', times: 0.5 },
    ],
  },
]

/**
 * Contenders whose cache holds a value under every key, and whose round calls one of its verbs for one key after the other.
 *
 * @param {string[]} names
 * @param {string[]} stored
 * @param {unknown} value
 * @param {(cache: import('./contenders.mjs').Contender) => (key: string) => unknown} verb
 * @param {string[]} asked
 * @param {number} max
 */
function filled(
  names,
  stored,
  value,
  verb = (cache) => (key) => cache.get(key),
  asked = stored,
  max = stored.length,
) {
  /** @type {import('../harness.mjs').Row['contenders']} */
  const contenders = {}
  for (const name of names) {
    contenders[name] = async () => {
      const cache = await CONTENDERS[name]?.(max)
      if (!cache) throw new Error(`there is no contender ${name}`)
      for (const key of stored) await cache.set(key, value)
      const call = verb(cache)
      let at = 0
      const next = () => {
        at = at + 1 === asked.length ? 0 : at + 1
        return asked[at] ?? ''
      }
      return timed(
        cache.sync
          ? (n) => {
              for (let i = 0; i < n; i++) sink = call(next())
            }
          : async (n) => {
              for (let i = 0; i < n; i++) sink = await call(next())
            },
      )
    }
  }
  return contenders
}

/**
 * Where answers go, so that no call can be left out as useless.
 *
 * @type {unknown}
 */
export let sink

/**
 * Keys in an order that no cache line foresees.
 *
 * @param {number} count
 */
function keys(count, word = 'user') {
  const all = Array.from({ length: count }, (_, i) => `${word}:${i}:profile`)
  let seed = 1
  for (let i = count - 1; i > 0; i--) {
    seed = (seed * 48271) % 2147483647
    const j = seed % (i + 1)
    const swapped = all[i] ?? ''
    all[i] = all[j] ?? ''
    all[j] = swapped
  }
  return all
}
