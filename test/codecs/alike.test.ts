/** The same value is taken or refused alike wherever it rests: `memory` copies it, a codec writes it. Where they differ is listed here. */
import { describe, expect, it } from 'vitest'
import { jsonCodec } from '../../src/codecs/default.ts'
import { msgpackrCodec } from '../../src/codecs/msgpackr.ts'
import { v8Codec } from '../../src/codecs/v8.ts'
import { admit } from '../../src/core/values/copy.ts'
import { makeFormat } from '../../src/core/values/encoding.ts'
import { kept, refused } from './values.ts'

const hidden = (value: object) => Object.defineProperty(value, 'hidden', { value: 1, enumerable: false })
const symbol = Symbol('s')

/** What only the walk of `memory` sees: a codec that looked for it would be slower than JSON is. */
const ONLY_MEMORY_REFUSES: Record<string, unknown> = {
  'a getter': {
    get a() {
      return 1
    },
  },
  'a list with a name of its own': Object.assign([1, 2], { named: 3 }),
  'a property that is not enumerable': hidden({ a: 1 }),
  'a symbol key in a later record of a list': [{ a: 1 }, { a: 1 }, { a: 1 }, { a: 1, [symbol]: 2 }],
}

/** Odd, and refused alike by all. */
const ALL_REFUSE: Record<string, unknown> = {
  'a symbol key': { a: 1, [symbol]: 2 },
  'a symbol key in the first record of a list': [{ a: 1, [symbol]: 2 }],
  'a subclass of Map': new (class extends Map {})(),
  'a subclass of an array': new (class extends Array {})(),
  'a getter that throws': {
    get a(): never {
      throw new Error('no')
    },
  },
}

const codecs = Object.entries({ json: jsonCodec(), msgpackr: msgpackrCodec(), v8: v8Codec() })

function verdict(take: () => unknown): string {
  try {
    take()
    return 'taken'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}
const byMemory = (value: unknown) => verdict(() => admit(value, 1e6, false))

describe.each(codecs)('A22 A23 memory and the %s codec', (name, codec) => {
  const format = makeFormat({ codec })
  const byCodec = (value: unknown) => verdict(() => format.encode(value, 0))

  it.each(Object.entries(kept))('take: %s', (_, value) => {
    expect([byMemory(value), byCodec(value)]).toEqual(['taken', 'taken'])
  })

  it.each(Object.entries(refused))('refuse: %s', (_, [value]) => {
    expect([byMemory(value), byCodec(value)]).toEqual(['NOT_SERIALIZABLE', 'NOT_SERIALIZABLE'])
  })

  it.each(Object.entries(ALL_REFUSE))('refuse: %s', (_, value) => {
    expect([byMemory(value), byCodec(value)]).toEqual(['NOT_SERIALIZABLE', 'NOT_SERIALIZABLE'])
  })

  it.each(Object.entries(ONLY_MEMORY_REFUSES))('differ: memory alone refuses %s', (_, value) => {
    expect([byMemory(value), byCodec(value)]).toEqual(['NOT_SERIALIZABLE', 'taken'])
  })

  it('differ: a proxy that can be read is refused by memory and v8 alone', () => {
    const other = name === 'v8' ? 'NOT_SERIALIZABLE' : 'taken'
    const proxy = new Proxy({ a: 1 }, {})
    expect([byMemory(proxy), byCodec(proxy)]).toEqual(['NOT_SERIALIZABLE', other])
  })
})
