/** A store said in the plainest way, a Map in order of use, and commands that are given to it and to a real one. */
import fc from 'fast-check'
import { expect } from 'vitest'
import type { Backend, Space } from '../../../src/core/backend.ts'
import { Entry } from '../../../src/core/values/entry.ts'
import { makeSpace } from '../../../src/core/values/space.ts'
import { type FakeClock, fakeClock } from '../../../src/testing/clock.ts'
import { hostWith } from './host.ts'

interface Resting {
  what: unknown
  expiresAt: number
  createdAt: number
}

/** Spaces under test, and the storage key's recipe in each: two of them make the same keys by different means. */
const custom = Object.assign(
  (key: string, prefix: string, version: number): string => `${prefix}:${version}:${key}`,
  {
    ownPrefix: 'a:b:',
  },
)
const foreign = Object.assign((key: string, prefix: string) => `${prefix}/${key}`, { ownPrefix: 'raw/' })
const spaces = [
  makeSpace('', 1),
  makeSpace('', 2),
  makeSpace('a:b', 1),
  makeSpace('a:b', 1, custom),
  makeSpace('a:b', 3, custom),
  makeSpace('raw', 1, foreign),
]

class Model {
  /** By storage key, the one used longest ago first. */
  readonly entries = new Map<string, Resting>()
  readonly clock: FakeClock
  readonly maxEntries: number
  readonly cullFrequency: number | undefined

  constructor(clock: FakeClock, maxEntries: number, cullFrequency: number | undefined) {
    this.clock = clock
    this.maxEntries = maxEntries
    this.cullFrequency = cullFrequency
  }

  live(id: string): Resting | undefined {
    this.forget()
    return this.entries.get(id)
  }

  use(id: string): void {
    const resting = this.entries.get(id)!
    this.entries.delete(id)
    this.entries.set(id, resting)
  }

  set(id: string, what: unknown, expiresAt: number): void {
    this.forget()
    if (!this.entries.has(id) && this.entries.size >= this.maxEntries) {
      const { size } = this.entries
      const { cullFrequency } = this
      let much =
        cullFrequency === undefined
          ? 1
          : cullFrequency === 0
            ? size
            : Math.max(1, Math.floor(size / cullFrequency))
      for (const oldest of [...this.entries.keys()]) {
        if (much-- > 0) this.entries.delete(oldest)
      }
    }
    this.entries.delete(id)
    this.entries.set(id, { what, expiresAt, createdAt: this.clock.now() })
  }

  forget(): void {
    for (const [id, { expiresAt }] of this.entries) {
      if (expiresAt <= this.clock.now()) this.entries.delete(id)
    }
  }
}

type Step = (model: Model, real: Backend) => void

class Command implements fc.Command<Model, Backend> {
  readonly #name: string
  readonly #step: Step

  constructor(name: string, step: Step) {
    this.#name = name
    this.#step = step
  }

  check(): boolean {
    return true
  }

  run(model: Model, real: Backend): void {
    this.#step(model, real)
    model.forget()
    expect(real.size!()).toMatchObject({
      entries: expect.toSatisfy((n: number) => n >= model.entries.size && n <= model.maxEntries),
    })
    for (const space of spaces) {
      for (const key of 'abcd') {
        const resting = model.entries.get(space.frame(key))
        // What is over is not asked for: asking would drop it, and leave less to the order of ends.
        if (resting === undefined) continue
        const { what, expiresAt, createdAt } = resting
        expect(real.peek!(space, key)).toEqual({
          stored: what,
          expiresAt,
          createdAt: what instanceof Entry ? what.createdAt : createdAt,
        })
      }
    }
  }

  toString(): string {
    return this.#name
  }
}

const TTLS = [
  1,
  2,
  31,
  32,
  33,
  999,
  1000,
  60_000,
  61_500,
  3e5,
  3.6e6,
  2 ** 30 - 1,
  2 ** 30,
  2 ** 31,
  5e9,
  1e12,
]
const ttl = fc.oneof(
  fc.constantFrom(...TTLS, Number.POSITIVE_INFINITY),
  fc.integer({ min: 1, max: 1e6 }),
  fc.double({ min: 0.01, max: 5000, noNaN: true }),
)
const where = fc.record({ space: fc.constantFrom(...spaces), key: fc.constantFrom('a', 'b', 'c', 'd') })
const what = fc.oneof(
  fc.integer({ min: -5, max: 5 }),
  fc.constantFrom('text', Number.MAX_SAFE_INTEGER, 1.5, -0, null, true),
  fc.constantFrom(1, 2).map((n) => new Entry(n, n, n, n)),
)

function at(name: string, step: (m: Model, r: Backend, space: Space, key: string, id: string) => void) {
  return where.map(
    ({ space, key }) =>
      new Command(`${name}(${space.frame(key)})`, (m, r) => {
        const id = space.frame(key)
        step(m, r, space, key, id)
      }),
  )
}

const withEnd = (
  name: string,
  step: (m: Model, r: Backend, space: Space, key: string, id: string, what: unknown, end: number) => void,
) =>
  fc
    .tuple(where, what, ttl)
    .map(
      ([{ space, key }, value, ms]) =>
        new Command(`${name}(${space.frame(key)}, ${String(value)}, ${ms})`, (m, r) =>
          step(m, r, space, key, space.frame(key), value, m.clock.now() + ms),
        ),
    )

const commands = [
  at('get', (m, r, space, key, id) => {
    const resting = m.live(id)
    expect(r.get(space, key)).toBe(resting?.what)
    if (resting) m.use(id)
  }),
  at('has', (m, r, space, key, id) => {
    const resting = m.live(id)
    expect(r.has!(space, key)).toBe(resting?.what instanceof Entry ? 'graced' : resting !== undefined)
  }),
  at('peek', (m, r, space, key, id) => {
    if (!m.live(id)) expect(r.peek!(space, key)).toBeUndefined()
  }),
  at('delete', (m, r, space, key, id) => {
    expect(r.delete(space, key)).toBe(m.live(id) !== undefined)
    m.entries.delete(id)
  }),
  withEnd('set', (m, r, space, key, id, value, end) => {
    expect(r.set(space, key, value, end)).toBe(true)
    m.set(id, value, end)
  }),
  withEnd('set', (m, r, space, key, id, value, end) => {
    expect(r.set(space, key, value, end)).toBe(true)
    m.set(id, value, end)
  }),
  withEnd('add', (m, r, space, key, id, value, end) => {
    const free = m.live(id) === undefined
    expect(r.add(space, key, value, end)).toBe(free)
    if (free) m.set(id, value, end)
  }),
  withEnd('touch', (m, r, space, key, id, _, end) => {
    const resting = m.live(id)
    const graced = resting?.what instanceof Entry
    expect(r.touch(space, key, end)).toBe(graced ? 'graced' : resting !== undefined)
    if (resting && !graced) resting.expiresAt = end
  }),
  withEnd('replace', (m, r, space, key, id, value, end) => {
    const resting = m.live(id)
    expect(r.replace!(space, key, 'nothing that rests', value, end)).toBe(false)
    expect(r.replace!(space, key, resting?.what, value, end)).toBe(resting !== undefined)
    if (resting) Object.assign(resting, { what: value, expiresAt: end, createdAt: m.clock.now() })
  }),
  withEnd('incr', (m, r, space, key, id, value, end) => {
    const resting = m.live(id)
    const made = value === null ? { initial: 3, expiresAt: end } : undefined
    if (resting === undefined) {
      expect(r.incr(space, key, 1, made)).toBe(made ? 4 : undefined)
      if (made) m.set(id, 4, end)
    } else if (!Number.isSafeInteger(resting.what)) {
      expect(() => r.incr(space, key, 1, made)).toThrow(expect.objectContaining({ code: 'NOT_A_NUMBER' }))
    } else if (resting.what === Number.MAX_SAFE_INTEGER) {
      expect(() => r.incr(space, key, 1, made)).toThrow(RangeError)
    } else {
      resting.what = (resting.what as number) + 1
      expect(r.incr(space, key, 1, made)).toBe(resting.what)
      m.use(id)
    }
  }),
  ttl.map(
    (ms) =>
      new Command(`advance(${ms})`, (m) => {
        m.clock.advance(Number.isFinite(ms) ? Math.ceil(ms) : 7)
      }),
  ),
  fc.constantFrom(...spaces).map(
    (space) =>
      new Command(`clear(${space.start})`, (m, r) => {
        r.clear(space)
        for (const id of m.entries.keys()) if (space.owns(id)) m.entries.delete(id)
        for (const { frame } of spaces.filter((one) => one.start === space.start)) {
          expect(r.get(space, 'a')).toBeUndefined()
          expect(frame('a')).toSatisfy(space.owns)
        }
      }),
  ),
  fc.constant(
    new Command('prune', (m, r) => {
      r.prune!()
      m.forget()
      expect(r.size!()).toMatchObject({ entries: m.entries.size })
    }),
  ),
]

/** Gives a made-up history to a store and to the model, and compares all of it after every step. */
export function checkAgainstModel(
  make: (options: { maxEntries: number; cullFrequency?: number }) => Backend,
  numRuns = 300,
): void {
  const options = fc.record({
    maxEntries: fc.integer({ min: 1, max: 9 }),
    cullFrequency: fc.option(fc.integer({ min: 0, max: 12 }), { nil: undefined }),
  })
  fc.assert(
    fc.property(
      options,
      fc.commands(commands, { maxCommands: 120, size: 'max' }),
      ({ maxEntries, cullFrequency }, history) => {
        const clock = fakeClock()
        const real = make({ maxEntries, ...(cullFrequency !== undefined && { cullFrequency }) })
        real.open!(hostWith(clock))
        try {
          fc.modelRun(() => ({ model: new Model(clock, maxEntries, cullFrequency), real }), history)
        } finally {
          real.close()
        }
      },
    ),
    { numRuns },
  )
}
