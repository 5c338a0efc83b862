import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonView } from '../../src/cli/json-view.ts'

describe('a value as JSON', () => {
  it('is exact where JSON gives the value back', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain = JSON.parse(JSON.stringify(value))
        expect(jsonView(plain)).toEqual({ value: plain, exact: true })
      }),
    )
  })

  const told: [value: unknown, view: unknown][] = [
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [new Map([['a', 1n]]), [['a', '1']]],
    [new Set([1, 2]), [1, 2]],
    [new Uint8Array([104, 105]), 'aGk='],
    [Number.NaN, 'NaN'],
    [-0, '-0'],
    [{ a: undefined }, { a: null }],
    [/a+/, '/a+/'],
  ]
  for (const [value, view] of told) {
    it(`says so where it does not: ${JSON.stringify(view)}`, () => {
      expect(jsonView(value)).toEqual({ value: view, exact: false })
    })
  }

  it('ends where a value holds itself, and tells what it holds twice', () => {
    const ring: Record<string, unknown> = { twice: [1] }
    ring.again = ring.twice
    expect(jsonView(ring)).toEqual({ value: { twice: [1], again: [1] }, exact: true })
    ring.self = ring
    expect(jsonView(ring)).toEqual({ value: { twice: [1], again: [1], self: '[circular]' }, exact: false })
  })

  it('keeps an own __proto__ as data', () => {
    const { value } = jsonView(JSON.parse('{"__proto__":{"admin":true}}'))
    expect(JSON.stringify(value)).toBe('{"__proto__":{"admin":true}}')
  })
})
