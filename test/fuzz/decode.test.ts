/**
 * Damaged and hostile entries against every codec. A short run stands in the suite; the long one before a release:
 *
 *   FUZZ_RUNS=10000000 npx vitest run test/fuzz --testTimeout 3600000
 *
 * FUZZ_SEED repeats a run; a failure prints the bytes.
 */
import assert from 'node:assert'
import { crc32 } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { jsonCodec } from '../../src/codecs/default.ts'
import { msgpackrCodec } from '../../src/codecs/msgpackr.ts'
import { v8Codec } from '../../src/codecs/v8.ts'
import { makeFormat } from '../../src/core/values/encoding.ts'
import { GRACED, PLAIN } from '../../src/core/values/entry.ts'
import type { Format } from '../../src/core/values/format.ts'
import { kept } from '../codecs/values.ts'
import { quickest } from '../quickest.ts'

const runs = Number(process.env.FUZZ_RUNS ?? 60_000)
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000)

let state = seed
/** A whole number below `n`. */
function below(n: number): number {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n)
}

const words = [
  '__proto__',
  'constructor',
  '"',
  '[',
  ']',
  '{',
  '}',
  ',',
  '-1',
  '-7',
  '4294967295',
  '[["Date",1],0]',
  '~[[',
  '["Bytes",1]',
  '["Error",1]',
  '["Entries",1]',
  '["Set",0]',
  '["null","__proto__",0]',
  '["Object",0]',
  '["ArrayBuffer","AA"]',
  '["Uint8Array",0]',
  '1e999',
  '\xff\xff\xff\xff',
  '\xdd\xff\xff\xff\xff',
  '\xd4\x72\x40',
  '\xc9\xff',
  '\xf1',
  '\xf2',
]
const samples = Object.values(kept)

function mutate(entry: Buffer, from: number): Buffer {
  let bytes = Buffer.from(entry)
  for (let n = 1 + below(4); n > 0; n--) {
    const at = from + below(Math.max(1, bytes.length - from))
    switch (below(6)) {
      case 0:
        if (at < bytes.length) bytes[at]! ^= 1 << below(8)
        break
      case 1:
        if (at < bytes.length) bytes[at] = below(256)
        break
      case 2:
        bytes = bytes.subarray(0, at)
        break
      case 3:
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          Buffer.from(words[below(words.length)]!, 'latin1'),
          bytes.subarray(at),
        ])
        break
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + below(20))])
        break
      default: {
        const end = at + below(30)
        bytes = Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)])
      }
    }
  }
  return bytes
}

function decode(format: Format, bytes: Buffer): ReturnType<Format['decode']> {
  try {
    let decoded: ReturnType<Format['decode']> | undefined
    const ms = quickest(50, () => {
      decoded = format.decode(bytes)
    })
    // An expectation for each of ten million runs would cost more than they do.
    if (ms >= 50) assert.fail(`took ${ms} ms`)
    return decoded!
  } catch (error) {
    throw new Error(`decoding ${bytes.toString('base64')} (seed ${seed})`, { cause: error })
  }
}

const formats = {
  json: makeFormat({ codec: jsonCodec() }),
  msgpackr: makeFormat({ codec: msgpackrCodec() }),
  v8: makeFormat({ codec: v8Codec() }),
  gzip: makeFormat({ codec: jsonCodec(), compress: 'gzip' }),
}
const names = Object.getOwnPropertyNames(Object.prototype).join()

afterAll(() => {
  expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(names)
  expect(({} as Record<string, unknown>).admin).toBeUndefined()
})

describe.each(Object.entries(formats))('decoding with %s', (_, format) => {
  const entries = samples
    .flatMap((value) => [format.encode(value, 1)!, format.encode(value, 1, { staleAt: 2, staleFor: 3 })!])
    .map((b) => Buffer.from(b))

  it('A30 damage is told: no wrong value, no exception, nothing slow', () => {
    for (let n = 0; n < runs / 12; n++) {
      const entry = entries[below(entries.length)]!
      const bytes = mutate(entry, 0)
      if (bytes[0] !== PLAIN && bytes[0] !== GRACED) continue // bare digits, a server's to count, have no checksum
      const decoded = decode(format, bytes)
      if ('value' in decoded && !bytes.equals(entry))
        assert.fail(`read ${bytes.toString('base64')} (seed ${seed})`)
    }
  })

  it('A29 malice with a checksum that fits is survived', () => {
    for (let n = 0; n < runs / 12; n++) {
      const entry = entries[below(entries.length)]!
      const changed = mutate(entry.subarray(0, -4), below(4) === 0 ? 2 : 12)
      const tail = Buffer.alloc(4)
      tail.writeUInt32LE(crc32(changed))
      decode(format, Buffer.concat([changed, tail]))
    }
  })

  it('any bytes at all are survived', () => {
    for (let n = 0; n < runs / 12; n++) {
      decode(format, Buffer.from(Array.from({ length: below(40) }, () => below(256))))
    }
  })
})
