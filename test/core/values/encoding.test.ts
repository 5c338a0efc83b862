import * as zlib from 'node:zlib'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { jsonCodec } from '../../../src/codecs/default.ts'
import { type FormatOptions, makeFormat } from '../../../src/core/values/encoding.ts'
import { GRACED, isGraced, PLAIN } from '../../../src/core/values/entry.ts'
import type { Codec } from '../../../src/core/values/format.ts'
import { quickest } from '../../quickest.ts'

const AT = Date.UTC(2026, 0, 1) + 0.25
const GRACE = { staleAt: AT + 1, staleFor: 500.5 }
const LATER = { staleAt: 2, staleFor: 3 }

function json(options: Omit<FormatOptions, 'codec'> = {}) {
  return makeFormat({ codec: jsonCodec(), ...options })
}

function roundTrip(value: unknown, format = json()): unknown {
  const decoded = format.decode(format.encode(value, AT)!)
  return 'value' in decoded ? decoded.value : decoded
}

/** The same entry with other bytes, and a checksum that fits them: what only malice makes. */
function forged(entry: Uint8Array, change: (bytes: Buffer) => Buffer): Buffer {
  const changed = change(Buffer.from(entry.subarray(0, -4)))
  const tail = Buffer.alloc(4)
  tail.writeUInt32LE(zlib.crc32(changed))
  return Buffer.concat([changed, tail])
}

describe('whole numbers', () => {
  it('a safe integer without grace rests as its digits, so that a server can count it', () => {
    for (const n of [0, 7, -7, 10, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
      expect(Buffer.from(json().encode(n, AT)!).toString()).toBe(String(n))
      expect(roundTrip(n)).toBe(n)
    }
  })

  it('with grace it is an entry like any value', () => {
    const bytes = json().encode(5, AT, GRACE)!
    expect(isGraced(bytes)).toBe(true)
    expect(json().decode(bytes)).toEqual({ value: 5, createdAt: AT, grace: GRACE })
  })

  it('digits read back as a number only where it is exact and canonical', () => {
    for (const text of [
      '',
      '-',
      '-0',
      '007',
      '+5',
      '1.5',
      '1e3',
      ' 1',
      '1\n',
      '9007199254740992',
      '-9007199254740992',
      '9'.repeat(400),
    ]) {
      expect(json().decode(Buffer.from(text))).toEqual({ reason: 'foreign' })
    }
    expect(json().decode(new Uint8Array(Buffer.from('12')))).toEqual({
      value: 12,
      createdAt: undefined,
      grace: undefined,
    })
  })

  it('−0, fractions, NaN and what is beyond 2^53 are no counters', () => {
    for (const n of [-0, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(json().encode(n, AT)![0]).toBe(PLAIN)
      expect(roundTrip(n)).toBe(n)
    }
  })
})

describe('the header', () => {
  it('keeps the times to the fraction', () => {
    expect(json().decode(json().encode({}, AT)!)).toEqual({ value: {}, createdAt: AT, grace: undefined })
    const over = { staleAt: Number.NEGATIVE_INFINITY, staleFor: Number.POSITIVE_INFINITY }
    const graced = json().encode({}, AT, over)!
    expect(graced[0]).toBe(GRACED)
    expect(json().decode(graced)).toEqual({ value: {}, createdAt: AT, grace: over })
  })

  it('SER-05 booleans, null and strings of digits come back as what they were', () => {
    for (const value of [true, false, null, '5', '-12', '', 'true', 'null', '{}'])
      expect(roundTrip(value)).toBe(value)
  })

  it('A26 text that looks like an entry or like rich text is text', () => {
    const entry = Buffer.from(json().encode({ admin: true }, AT)!)
    for (const text of [entry.toString('latin1'), entry.toString(), '~[{}]', '[["Date","x"]]', '\xf1\x01']) {
      expect(roundTrip(text)).toBe(text)
    }
    expect(roundTrip(entry)).toEqual(entry)
  })

  it('A27 lone surrogates, NUL and invalid UTF-8 are byte-exact', () => {
    for (const text of ['\ud800', 'a\udfffb', '\0', 'é\0€😀', '\ufeffx', '€'.repeat(5000)]) {
      expect(roundTrip(text)).toBe(text)
      expect(roundTrip({ [text]: text })).toEqual({ [text]: text })
    }
    expect(roundTrip(Buffer.from([0xff, 0xfe, 0, 0xc0]))).toEqual(Buffer.from([0xff, 0xfe, 0, 0xc0]))
  })

  it('text of every length and width leaves nothing behind', () => {
    for (const letter of ['a', 'é', '€', '😀']) {
      for (let n = 0; n < 40; n++) expect(roundTrip({ t: letter.repeat(n) })).toEqual({ t: letter.repeat(n) })
      expect(roundTrip(`abc${letter}`)).toBe(`abc${letter}`)
    }
  })

  it('a Buffer comes back as a Buffer, a Uint8Array as such, and neither shares the stored bytes', () => {
    for (const value of [Buffer.from('abc'), Uint8Array.of(1, 2, 3), Buffer.alloc(0)]) {
      const bytes = json().encode(value, AT)!
      const before = Buffer.from(bytes)
      const read = json().decode(bytes) as { value: Uint8Array }
      expect(Object.getPrototypeOf(read.value)).toBe(Object.getPrototypeOf(value))
      expect(read.value).toEqual(value)
      read.value.fill(0)
      expect(Buffer.from(bytes).equals(before)).toBe(true)
    }
  })
})

describe('retime', () => {
  const format = json()

  it('gives the same body other times', () => {
    for (const value of [{ a: 1 }, 'text', Buffer.from('b'), 5, new Map([[1, 2]])]) {
      for (const grace of [undefined, GRACE]) {
        const retimed = format.retime(format.encode(value, AT, grace)!, 1, LATER)!
        expect(isGraced(retimed)).toBe(true)
        expect(format.decode(retimed)).toEqual({ value, createdAt: 1, grace: LATER })
      }
    }
  })

  it('gives nothing for bytes that are no entry of ours, so that damage never gets a checksum that fits it', () => {
    const bytes = Buffer.from(format.encode({ a: 1 }, AT)!)
    bytes[bytes.length - 6]! ^= 1
    for (const odd of [bytes, bytes.subarray(0, 4), Buffer.from('{"a":1}'), Buffer.alloc(0)]) {
      expect(format.retime(odd, 1, LATER)).toBeUndefined()
    }
  })
})

describe('bytes that are not to be read', () => {
  const entry = Buffer.from(json().encode({ user: 'ann', tags: [1, 2, 3] }, AT)!)

  it('SER-08 another application’s payload is foreign', () => {
    const foreign = [
      '{"a":1}',
      'hello',
      Buffer.from('8004954b00000000000000', 'hex'),
      gzipSync('x'),
      Buffer.alloc(0),
    ]
    for (const bytes of foreign)
      expect(json().decode(Buffer.from(bytes as Buffer))).toEqual({ reason: 'foreign' })
  })

  it('A30 every single changed bit and every cut is told', () => {
    for (let i = 0; i < entry.length * 8; i++) {
      const changed = Buffer.from(entry)
      changed[i >> 3]! ^= 1 << (i & 7)
      expect(json().decode(changed)).toHaveProperty('reason')
    }
    for (let n = 0; n < entry.length; n++)
      expect(json().decode(entry.subarray(0, n))).toHaveProperty('reason')
    expect(json().decode(Buffer.concat([entry, Buffer.alloc(1)]))).toEqual({ reason: 'corrupt' })
  })

  it('F92 another version of the format is told as such, whatever follows', () => {
    const next = Buffer.from(entry)
    next[1] = 2
    expect(json().decode(next)).toEqual({ reason: 'unknown-format' })
    for (const kind of [0x06, 0x0f, 0x45, 0xf5]) {
      const odd = forged(entry, (bytes) =>
        Buffer.concat([bytes.subarray(0, 2), Buffer.of(kind), bytes.subarray(3)]),
      )
      expect(json().decode(odd)).toEqual({ reason: 'unknown-format' })
    }
  })

  it('an entry of another codec is not given to this one', () => {
    const other: Codec = { name: 'other', encode: (value) => JSON.stringify(value), decode: () => 'wrong' }
    expect(makeFormat({ codec: other }).decode(entry)).toEqual({ reason: 'undecodable' })
  })

  it('a time that is no time is damage', () => {
    const odd = forged(entry, (bytes) => {
      bytes.writeDoubleBE(Number.NaN, 3)
      return bytes
    })
    expect(json().decode(odd)).toEqual({ reason: 'corrupt' })
  })
})

describe('compression', () => {
  const page = '<li class="item">stillwarm</li>\n'.repeat(2000)

  it('H3 is tried only from 1 KB on, and kept only when it made the body smaller', () => {
    const format = json({ compress: 'gzip', compressAbove: 1 })
    const small = 'a'.repeat(1023)
    expect(format.encode(small, AT)!.length).toBeGreaterThan(1023)
    expect(format.encode(`${small}a`, AT)!.length).toBeLessThan(200)
    const noise = Buffer.from(
      Array.from({ length: 5000 }, (_, i) => (Math.imul(i * i + 7, 2654435761) >>> 13) & 255),
    )
    expect(format.encode(noise, AT)![2]! >> 4).toBe(0)
    expect(roundTrip(noise, format)).toEqual(noise)
  })

  it('is off unless asked for', () => {
    expect(json().encode(page, AT)!.length).toBeGreaterThan(page.length)
  })

  it('every format reads what any other wrote', () => {
    for (const compress of ['gzip', 'brotli', 'auto'] as const) {
      for (const value of [page, { page }, Buffer.from(page), { list: new Set([page]) }]) {
        const bytes = json({ compress }).encode(value, AT)!
        expect(bytes.length).toBeLessThan(page.length / 10)
        expect(json().decode(bytes)).toEqual({ value, createdAt: AT, grace: undefined })
        expect(json().decode(json().retime(bytes, 1, LATER)!)).toEqual({ value, createdAt: 1, grace: LATER })
      }
    }
  })

  it('a compression that this Node lacks is a miss, not an error', () => {
    const bytes = json({ compress: 'gzip' }).encode(page, AT)!
    const zstd = forged(bytes, (changed) => {
      changed[2] = (changed[2]! & 0x0f) | (3 << 4)
      return changed
    })
    expect(json().decode(zstd)).toEqual({ reason: 'undecodable' })
  })

  it('A28 a bomb is stopped at the limit, in time', () => {
    const head = Buffer.from(json().encode('x', AT)!).subarray(0, 11)
    for (const [id, bomb] of [
      [1, gzipSync(Buffer.alloc(200_000_000))],
      [
        2,
        zlib.brotliCompressSync(Buffer.alloc(50_000_000), {
          params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 },
        }),
      ],
    ] as const) {
      const bytes = forged(Buffer.alloc(4), () => Buffer.concat([head, bomb]))
      bytes[2] = (id << 4) | 1
      const entry = forged(bytes, (changed) => changed)
      const decode = () => expect(json().decode(entry)).toEqual({ reason: 'undecodable' })
      expect(quickest(50, decode)).toBeLessThan(50)
    }
  })
})

describe('the largest value', () => {
  it('is 1 MiB unless said otherwise, counted before compression', () => {
    const value = 'x'.repeat(2 ** 20)
    expect(json().encode(value, AT)).toBeUndefined()
    expect(json({ compress: 'gzip' }).encode(value, AT)).toBeUndefined()
    expect(json({ maxValueBytes: 2 ** 21 }).encode(value, AT)).toBeDefined()
    expect(json().encode('€'.repeat(2 ** 19), AT)).toBeUndefined()
  })

  it('A25 is known by an estimate, before anything huge is serialised', () => {
    const sparse: unknown[] = []
    sparse.length = 1_000_000_000
    const long = 'x'.repeat(512 * 1024 * 1024 - 100)
    const wide: unknown[] = []
    for (let level: unknown[] = wide, i = 0; i < 40; i++) {
      const next: unknown[] = []
      level.push(next, next)
      level = next
    }
    for (const value of [
      sparse,
      long,
      { a: [long] },
      new Set([long]),
      new Map([['k', long]]),
      [long, long, long],
      wide,
    ]) {
      const encode = () => expect(json().encode(value, AT)).toBeUndefined()
      expect(quickest(50, encode)).toBeLessThan(50)
    }
  })
})

describe('a codec of the user’s', () => {
  const secret: Codec = {
    encode: (value) => Buffer.from(JSON.stringify(value)).map((byte) => byte ^ 0x55),
    decode: (bytes) => JSON.parse(Buffer.from(bytes.map((byte) => byte ^ 0x55)).toString()),
  }

  it('gets text too, so that nothing rests unencrypted but counters', () => {
    const format = makeFormat({ codec: secret })
    expect(Buffer.from(format.encode('password', AT)!).includes('password')).toBe(false)
    expect(roundTrip('password', format)).toBe('password')
    expect(roundTrip({ a: 1 }, format)).toEqual({ a: 1 })
  })

  it('that throws on reading gives a miss; on writing the value is refused, with the cause', () => {
    const broken: Codec = {
      encode: () => {
        throw new Error('no')
      },
      decode: () => {
        throw new Error('no')
      },
    }
    expect(makeFormat({ codec: broken }).decode(makeFormat({ codec: secret }).encode({}, AT)!)).toEqual({
      reason: 'undecodable',
    })
    expect(() => makeFormat({ codec: broken }).encode({}, AT)).toThrow(/value is refused by the codec/)
  })

  it('that answers no bytes is told so', () => {
    const odd = { encode: async () => Buffer.alloc(1), decode: () => 1 } as unknown as Codec
    expect(() => makeFormat({ codec: odd }).encode({}, AT)).toThrow(/synchronous/)
  })
})
