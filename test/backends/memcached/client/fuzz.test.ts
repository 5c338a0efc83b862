/**
 * L17: damaged streams of replies, whole and in pieces. A short run stands in the suite; the long one before a release:
 *
 *   FUZZ_RUNS=10000000 npx vitest run test/backends/memcached/client/fuzz.test.ts --testTimeout 3600000
 *
 * FUZZ_SEED repeats a run; a failure prints the bytes.
 */
import { deepStrictEqual } from 'node:assert'
import { expect, it } from 'vitest'
import { binary } from '../../../../src/backends/memcached/client/binary.ts'
import { meta } from '../../../../src/backends/memcached/client/meta.ts'
import { text } from '../../../../src/backends/memcached/client/text.ts'
import { feed, type Outcome } from './feed.ts'
import { mutated, seeds, verbs } from './seeds.ts'

const runs = Number(process.env.FUZZ_RUNS ?? 10_000)
const first = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000_000)

const NAMES = ['meta', 'text', 'binary'] as const

it(`L17 ${runs} damaged streams, seed ${first}: no exception but the doubt, and the same outcome in pieces`, () => {
  const kinds = new Set<string>()
  for (let i = 0; i < runs; i++) {
    const seed = Math.imul(first + i, 0x9e3779b1)
    const name = NAMES[i % NAMES.length]!
    // Every verb stands first at times; else the later ones would hide behind an earlier doubt.
    const from = Math.abs(seed >> 3) % verbs.length
    const bytes = mutated(Buffer.concat(seeds[name].slice(from)), seed)
    const run = (chunks: Buffer[]): Outcome[] => {
      if (name === 'binary') return feed(binary, verbs, chunks, from)
      return feed(name === 'meta' ? meta : text, verbs, chunks, from)
    }
    try {
      const whole = run([bytes])
      for (const outcome of whole) kinds.add(outcome === 'open' ? outcome : Object.keys(outcome).join())
      const cut = Math.abs(seed >> 7) % (bytes.length + 1)
      deepStrictEqual(run([bytes.subarray(0, cut), bytes.subarray(cut)]), whole)
    } catch (fault) {
      throw new Error(`run ${i}, ${name}: ${JSON.stringify(bytes.toString('latin1'))}`, { cause: fault })
    }
  }
  expect([...kinds].sort()).toEqual(['error', 'open', 'value'])
})
