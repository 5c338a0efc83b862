/**
 * L14: random commands by two processes' caches over one server, in turn, against a plain Map. No time passes: what ends is made to
 * end. STILLWARM_RUNS sets how many runs (300 by default).
 */
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import { memcached } from '../../../src/backends/memcached/memcached.ts'
import { type Cache, createCaches } from '../../../src/index.ts'
import { startMemcached } from '../../servers/memcached.ts'

const numRuns = Number(process.env.STILLWARM_RUNS ?? 300)

let servers: string[]
beforeAll(async () => {
  servers = await Promise.all([startMemcached(), startMemcached()]).then((all) =>
    all.map(({ address }) => address),
  )
})

interface Row {
  value: unknown
  graced: boolean
  stale: boolean
}

type Rows = Map<string, Row>

interface Command {
  verb: keyof typeof verbs
  key: string
  keys: string[]
  value: unknown
  by: number
  initial: number | undefined
  staleFor: number
}

const fresh = (rows: Rows, key: string) => {
  const row = rows.get(key)
  return row?.stale ? undefined : row
}

function counted(rows: Rows, { key, by, initial }: Command): unknown {
  const row = rows.get(key) ?? (initial === undefined ? undefined : { value: initial, graced: false })
  if (row === undefined) return 'KEY_NOT_FOUND'
  if (row.graced || !Number.isSafeInteger(row.value)) return 'NOT_A_NUMBER'
  const was = Number(row.value)
  if (was < 0 || was + by < 0) return 'OUT_OF_RANGE'
  rows.set(key, { value: was + by, graced: false, stale: false })
  return was + by
}

/** What each verb does to the cache, and what the words of the guide say that it does. */
const verbs = {
  get: {
    real: (cache: Cache, { key }: Command): unknown => cache.get(key),
    said: (rows: Rows, { key }: Command): unknown => fresh(rows, key)?.value,
  },
  stale: {
    real: (cache: Cache, { key }: Command): unknown => cache.get(key, { stale: true }),
    said: (rows: Rows, { key }: Command): unknown => rows.get(key)?.value,
  },
  has: {
    real: (cache: Cache, { key }: Command): unknown => cache.has(key),
    said: (rows: Rows, { key }: Command): unknown => fresh(rows, key) !== undefined,
  },
  set: {
    real: (cache: Cache, { key, value, staleFor }: Command): unknown =>
      cache.set(key, value, { ttl: 600, staleFor }),
    said(rows: Rows, { key, value, staleFor }: Command): unknown {
      rows.set(key, { value, graced: staleFor > 0, stale: false })
      return true
    },
  },
  add: {
    real: (cache: Cache, { key, value, staleFor }: Command): unknown =>
      cache.add(key, value, { ttl: 600, staleFor }),
    said(rows: Rows, command: Command): unknown {
      return fresh(rows, command.key) === undefined && verbs.set.said(rows, command)
    },
  },
  getOrSet: {
    // What is stale would be refreshed behind: it is only read.
    real: async (cache: Cache, { key, value }: Command): Promise<unknown> =>
      (await cache.get(key, { stale: true })) ?? (await cache.getOrSet(key, () => value, 600)),
    said(rows: Rows, { key, value }: Command): unknown {
      const there = rows.get(key)?.value ?? undefined
      if (there !== undefined) return there
      const row = rows.get(key)
      if (row?.stale) return undefined
      if (row === undefined) rows.set(key, { value, graced: false, stale: false })
      return rows.get(key)?.value
    },
  },
  expire: {
    real: (cache: Cache, { key }: Command): unknown => cache.expire(key),
    said(rows: Rows, { key }: Command): unknown {
      const row = rows.get(key)
      if (row?.graced) row.stale = true
      else rows.delete(key)
      return row !== undefined
    },
  },
  touch: {
    real: (cache: Cache, { key }: Command): unknown => cache.touch(key, 300),
    said: (rows: Rows, { key }: Command): unknown => fresh(rows, key) !== undefined,
  },
  incr: {
    real: (cache: Cache, { key, by, initial }: Command): unknown =>
      cache
        .incr(key, by, initial === undefined ? {} : { initial, ttl: 600 })
        .catch((error: { code?: string }) => error.code),
    said: counted,
  },
  delete: {
    real: (cache: Cache, { key }: Command): unknown => cache.delete(key),
    said: (rows: Rows, { key }: Command): unknown => rows.delete(key),
  },
  getMany: {
    real: async (cache: Cache, { keys }: Command): Promise<unknown> => cache.getMany(keys),
    said(rows: Rows, { keys }: Command): unknown {
      return new Map(keys.flatMap((key) => (fresh(rows, key) ? [[key, fresh(rows, key)?.value]] : [])))
    },
  },
  setMany: {
    real: (cache: Cache, { keys, value }: Command): unknown =>
      cache.setMany(new Map(keys.map((key) => [key, value])), 600),
    said(rows: Rows, { keys, value }: Command): unknown {
      for (const key of keys) rows.set(key, { value, graced: false, stale: false })
      return []
    },
  },
  deleteMany: {
    real: (cache: Cache, { keys }: Command): unknown => cache.deleteMany(keys),
    said: (rows: Rows, { keys }: Command): unknown => keys.filter((key) => rows.delete(key)).length,
  },
  clear: {
    real: (cache: Cache): unknown => cache.clear(),
    said(rows: Rows): unknown {
      rows.clear()
      return true
    },
  },
}

const names = Object.keys(verbs) as (keyof typeof verbs)[]
const key = fc.constantFrom('a', 'b', '__proto__', 'a b', 'é'.repeat(200))
const command: fc.Arbitrary<Command> = fc.record({
  verb: fc.constantFrom(...names),
  key,
  keys: fc.uniqueArray(key),
  value: fc.oneof(fc.integer({ min: -2, max: 9 }), fc.constantFrom('text', '5', null, true, 1.5)),
  by: fc.integer({ min: -4, max: 4 }),
  initial: fc.option(fc.nat(5), { nil: undefined }),
  staleFor: fc.constantFrom(0, 60),
})

it.each([{ protocol: 'meta', clear: 'epoch' }, { protocol: 'text' }, { protocol: 'binary' }] as const)(
  'L14 whatever two processes do in turn, they are answered as by a Map: %j',
  async (options) => {
    const backends = Array.from({ length: 2 }, () => memcached({ servers, opTimeout: 20_000, ...options }))
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.boolean(), command), { minLength: 1, maxLength: 30 }),
        async (commands) => {
          const keyPrefix = randomUUID()
          const how = { keyPrefix, keys: 'any', onBackendError: 'throw' } as const
          const [one, two] = backends.map((backend) => createCaches({ default: { backend, ...how } }).default)
          const rows: Rows = new Map()
          for (const [first, command] of commands) {
            if (command.verb === 'clear' && !('clear' in options)) continue
            const { real, said } = verbs[command.verb]
            const answer = await real(first ? one! : two!, command)
            expect(answer, JSON.stringify(command)).toEqual(said(rows, command))
          }
        },
      ),
      { numRuns },
    )
    for (const backend of backends) await backend.close()
  },
)
