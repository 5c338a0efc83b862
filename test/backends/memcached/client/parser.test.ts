import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { binary } from '../../../../src/backends/memcached/client/binary.ts'
import { decimal } from '../../../../src/backends/memcached/client/lines.ts'
import { meta } from '../../../../src/backends/memcached/client/meta.ts'
import { text } from '../../../../src/backends/memcached/client/text.ts'
import { feed, VERBS, type Verb } from './feed.ts'
import { mutated, seeds, verbs } from './seeds.ts'

const DIALECTS = { meta, text, binary }
type Name = keyof typeof DIALECTS

function run(name: Name, verbs: readonly Verb[], chunks: Buffer[]) {
  if (name === 'binary') return feed(binary, verbs, chunks)
  return feed(name === 'meta' ? meta : text, verbs, chunks)
}

describe.each(['meta', 'text', 'binary'] as const)('%s', (name) => {
  const stream = Buffer.concat(seeds[name])

  it('a stream of right replies answers every verb', () => {
    const outcomes = run(name, verbs, [stream])
    for (const [i, outcome] of outcomes.entries()) expect(outcome, verbs[i]).toHaveProperty('value')
  })

  it('F11 split at any byte it means the same, and byte by byte too', () => {
    const whole = run(name, verbs, [stream])
    for (let cut = 0; cut <= stream.length; cut++) {
      expect(run(name, verbs, [stream.subarray(0, cut), stream.subarray(cut)]), `cut at ${cut}`).toEqual(
        whole,
      )
    }
    expect(
      run(
        name,
        verbs,
        Array.from(stream, (byte) => Buffer.of(byte)),
      ),
    ).toEqual(whole)
  })

  it('F10 cut off at any byte it answers a prefix of the verbs, and the rest stays open', () => {
    const whole = run(name, verbs, [stream])
    for (let cut = 0; cut < stream.length; cut++) {
      const outcomes = run(name, verbs, [stream.subarray(0, cut)])
      const open = outcomes.indexOf('open')
      expect(open).toBeGreaterThanOrEqual(0)
      expect(outcomes.slice(0, open)).toEqual(whole.slice(0, open))
      expect(outcomes.slice(open).every((outcome) => outcome === 'open')).toBe(true)
    }
  })

  it('T24 however a stream is damaged and split: the same outcome as in one piece, and no exception but the doubt', () => {
    fc.assert(
      fc.property(fc.integer(), fc.array(fc.nat(stream.length + 20), { maxLength: 6 }), (seed, cuts) => {
        const bytes = mutated(stream, seed)
        const chunks: Buffer[] = []
        let from = 0
        for (const cut of [...cuts, bytes.length].sort((a, b) => a - b)) {
          chunks.push(bytes.subarray(from, cut))
          from = Math.max(from, cut)
        }
        expect(run(name, verbs, chunks)).toEqual(run(name, verbs, [bytes]))
      }),
      { numRuns: 3000 },
    )
  })

  it('garbage is a doubt or nothing, for every verb', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...VERBS), (bytes, verb) => {
        const [outcome] = run(name, [verb], [Buffer.from(bytes)])
        if (typeof outcome === 'object' && 'error' in outcome) expect(outcome.error).toBe('doubt')
      }),
      { numRuns: 3000 },
    )
  })
})

it('a number is exact or NaN', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 18n }), (number) => {
      const bytes = Buffer.from(`${number} `)
      const read = decimal(bytes, 0, bytes.length)
      expect(read).toBe(number < 10n ** 15n ? Number(number) : Number.NaN)
    }),
  )
  for (const odd of ['', ' ', '-1', '1x', '+1', '1e5', '0x1']) {
    expect(decimal(Buffer.from(odd), 0, odd.length)).toBeNaN()
  }
})
