/**
 * L14: random commands against a plain Map, with a clock that stands still; the same commands through `cache`, through `cache.sync`
 * and over a backend that answers later give the same answers. STILLWARM_RUNS sets how many runs (300 by default).
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Verbs } from '../../src/core/cache.ts'
import { kit } from './kit.ts'
import { plainBackend } from './plain-backend.ts'

const numRuns = Number(process.env.STILLWARM_RUNS ?? 300)

type Command =
  | { verb: 'advance'; ms: number }
  | { verb: 'get' | 'has' | 'delete' | 'expire'; key: string; stale?: boolean }
  | { verb: 'set' | 'add' | 'getOrSet'; key: string; value: unknown; ttl: number | null; staleFor: number }
  | { verb: 'touch'; key: string; ttl: number | null }
  | { verb: 'incr'; key: string; by: number; initial?: number }
  | { verb: 'getMany' | 'deleteMany'; keys: string[] }
  | { verb: 'setMany'; entries: [string, unknown][]; ttl: number | null }
  | { verb: 'clear' }

const key = fc.constantFrom('a', 'b', '__proto__', 'a:b')
const value = fc.oneof(fc.integer({ min: -5, max: 5 }), fc.constantFrom('text', null, true, 1.5))
const ttl = fc.constantFrom(null, 0, -1, 1, 2, 5)
const record = fc.record
const command: fc.Arbitrary<Command> = fc.oneof(
  record({ verb: fc.constant('advance' as const), ms: fc.constantFrom(1, 999, 1_000, 3_000) }),
  record({
    verb: fc.constantFrom('get' as const, 'has' as const, 'delete' as const, 'expire' as const),
    key,
    stale: fc.boolean(),
  }),
  record({
    verb: fc.constantFrom('set' as const, 'add' as const, 'getOrSet' as const),
    key,
    value,
    ttl,
    staleFor: fc.constantFrom(0, 0, 2),
  }),
  record({ verb: fc.constant('touch' as const), key, ttl }),
  record(
    {
      verb: fc.constant('incr' as const),
      key,
      by: fc.integer({ min: -3, max: 3 }),
      initial: fc.constant(10),
    },
    { requiredKeys: ['verb', 'key', 'by'] },
  ),
  record({ verb: fc.constantFrom('getMany' as const, 'deleteMany' as const), keys: fc.array(key) }),
  record({ verb: fc.constant('setMany' as const), entries: fc.array(fc.tuple(key, value)), ttl }),
  record({ verb: fc.constant('clear' as const) }),
)

interface Row {
  value: unknown
  staleAt: number
  staleFor: number
}

/** What the words of the guide say, over a Map. */
class Model {
  now = Date.UTC(2026, 0, 1)
  readonly rows = new Map<string, Row>()

  play(command: Command): unknown {
    switch (command.verb) {
      case 'advance':
        this.now += command.ms
        return undefined
      case 'get':
        return (this.fresh(command.key) ?? (command.stale ? this.there(command.key) : undefined))?.value
      case 'has':
        return this.fresh(command.key) !== undefined
      case 'delete':
        return this.remove(command.key)
      case 'expire':
        return this.expire(command.key)
      case 'set':
        this.write(command.key, command.value, command.ttl, command.staleFor)
        return true
      case 'add':
        if (this.fresh(command.key)) return false
        if (command.ttl === null || command.ttl > 0)
          this.write(command.key, command.value, command.ttl, command.staleFor)
        return true
      case 'getOrSet':
        return this.getOrSet(command)
      case 'touch':
        return this.touch(command.key, command.ttl)
      case 'incr':
        return this.incr(command)
      case 'getMany':
        return command.keys.flatMap((one) => {
          const row = this.fresh(one)
          return row ? [[one, row.value]] : []
        })
      case 'deleteMany':
        return new Set(command.keys.filter((one) => this.remove(one))).size
      case 'setMany':
        for (const [one, what] of command.entries) this.write(one, what, command.ttl, 0)
        return []
      case 'clear':
        this.rows.clear()
        return true
    }
  }

  there(key: string): Row | undefined {
    const row = this.rows.get(key)
    return row && this.now < row.staleAt + row.staleFor ? row : undefined
  }

  fresh(key: string): Row | undefined {
    const row = this.there(key)
    return row && this.now < row.staleAt ? row : undefined
  }

  remove(key: string): boolean {
    const there = this.there(key) !== undefined
    this.rows.delete(key)
    return there
  }

  write(key: string, value: unknown, ttl: number | null, staleFor: number): void {
    if (ttl !== null && ttl <= 0) this.rows.delete(key)
    else this.rows.set(key, { value, staleAt: this.end(ttl), staleFor: staleFor * 1_000 })
  }

  end(ttl: number | null): number {
    return ttl === null ? Number.POSITIVE_INFINITY : this.now + ttl * 1_000
  }

  expire(key: string): boolean {
    const row = this.there(key)
    if (row === undefined) return false
    if (row.staleFor === 0) this.rows.delete(key)
    else if (this.now < row.staleAt) row.staleAt = this.now
    return true
  }

  /** Of what is stale only whether it is one of two is said: the refresh runs behind. */
  getOrSet(command: { key: string; value: unknown; ttl: number | null; staleFor: number }): unknown {
    const row = this.fresh(command.key)
    if (row) return row.value
    this.write(command.key, command.value, command.ttl, command.staleFor)
    return command.value
  }

  touch(key: string, ttl: number | null): boolean {
    const row = this.fresh(key)
    if (row === undefined) return false
    if (ttl !== null && ttl <= 0) this.rows.delete(key)
    else row.staleAt = this.end(ttl)
    return true
  }

  incr({ key, by, initial }: { key: string; by: number; initial?: number }): unknown {
    const row = this.there(key)
    if (row === undefined) {
      if (initial === undefined) return 'KEY_NOT_FOUND'
      this.write(key, initial + by, 300, 0)
      return initial + by
    }
    if (!Number.isSafeInteger(row.value) || row.staleFor > 0) return 'NOT_A_NUMBER'
    row.value = Number(row.value) + by
    return row.value
  }
}

type Player = (command: Command) => Promise<unknown>

function player(sync: boolean, inTurn: boolean): Player {
  const { cache, clock } = kit({ keys: 'any', onBackendError: 'throw' }, plainBackend(sync))
  const at: Verbs<unknown, boolean> = inTurn ? cache.sync : cache
  const act = (command: Command): unknown => {
    switch (command.verb) {
      case 'advance':
        return clock.advance(command.ms)
      case 'get':
        return at.get(command.key, { stale: command.stale ?? false })
      case 'set':
      case 'add':
        return at[command.verb](command.key, command.value, { ttl: command.ttl, staleFor: command.staleFor })
      case 'getOrSet':
        // A wait, so that what is stale is replaced before the next command, as it is in this turn.
        return at.getOrSet<unknown>(command.key, () => command.value, {
          ttl: command.ttl,
          staleFor: command.staleFor,
          softTimeout: 5,
        })
      case 'touch':
        return at.touch(command.key, command.ttl)
      case 'incr': {
        const { initial } = command
        return at.incr(command.key, command.by, initial === undefined ? {} : { initial, ttl: 300 })
      }
      case 'getMany':
      case 'deleteMany':
        return at[command.verb](command.keys)
      case 'setMany':
        return at.setMany(command.entries, command.ttl)
      case 'clear':
        return at.clear()
      default:
        return at[command.verb](command.key)
    }
  }
  return async (command) => {
    try {
      const answer = await act(command)
      return answer instanceof Map ? [...answer] : answer
    } catch (error) {
      return (error as { code?: string }).code ?? error
    }
  }
}

describe('L14 the handle against its model', () => {
  it('ASY-03 cache, cache.sync and a backend that answers later all say what the model says', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 40 }), async (commands) => {
        const model = new Model()
        const players = [player(true, false), player(true, true), player(false, false)]
        for (const one of commands) {
          const expected = model.play(one)
          const distinct =
            Array.isArray(expected) && one.verb === 'getMany' ? [...new Map(expected)] : expected
          for (const play of players) expect(await play(one), JSON.stringify(one)).toEqual(distinct)
        }
      }),
      { numRuns },
    )
  })
})
