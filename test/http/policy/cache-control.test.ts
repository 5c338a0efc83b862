import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_SECONDS, requestControl, responseControl } from '../../../src/http/policy/cache-control.ts'
import { quickest } from '../../quickest.ts'

const of = (...lines: string[]) => responseControl({ 'cache-control': lines })

describe('reading Cache-Control of a response', () => {
  it.each([
    ['no-store'],
    ['No-Store'],
    ['NO-STORE'],
    ['max-age=60,no-store'],
    [' \tno-store\t , max-age=60'],
    ['public, max-age=60, no-store=""'],
    ['no-store=1'],
    ['max-age=60 no-store'],
    ['public; no-store'],
    ['max-age=60, ext="never closed, x'],
    ['ext="a\\", no-store'],
  ])('rule 2: %s is no-store', (line) => {
    expect(of(line).noStore).toBe(true)
  })

  it('rule 2: no-store counts in any of several lines', () => {
    expect(of('max-age=60', 'public', 'no-store').noStore).toBe(true)
    expect(of('ext="torn', 'max-age=60').noStore).toBe(true)
  })

  it.each([
    ['private'],
    ['PRIVATE'],
    ['private=""'],
    ['private="set-cookie"'],
    ['private=" authorization"'],
    ['private="a, b", max-age=9'],
    ['private = "x"'],
    ['private="x", private'],
    ['private="unfinished'],
    ['private=set-cookie'],
    ['public, private;'],
    ['"x" private'],
  ])('rule 3, A54: %s is private', (line) => {
    expect(of(line).private || of(line).noStore).toBe(true)
  })

  it.each([['no-cache'], ['No-Cache="X"'], ['no-cache=""'], ['no-cache ,max-age=3']])(
    'rule 3: %s is no-cache, qualified or not',
    (line) => {
      expect(of(line).noCache).toBe(true)
    },
  )

  it.each([
    ['myprivate, max-age=1'],
    ['not-no-store'],
    ['ext="no-store, private"'],
    ['ext=private'],
    ["ext='a"],
    ['no-public'],
    [''],
    [',,,'],
  ])('PAG-10, rule 22: %s restricts nothing: only whole names count, and what is quoted is data', (line) => {
    const control = of(line)
    expect([control.noStore, control.private, control.noCache]).toEqual([false, false, false])
  })

  it.each([
    ['max-age=60', 60],
    ['MAX-AGE=60', 60],
    ['max-age="60"', 60],
    ['max-age=0060', 60],
    ['max-age=0', 0],
    ['max-age=2147483648', MAX_SECONDS],
    ['max-age=99999999999999999999999', MAX_SECONDS],
    [`max-age=${'9'.repeat(5000)}`, MAX_SECONDS],
    ['max-age=-1', 0],
    ['max-age=1.5', 0],
    ['max-age=60s', 0],
    ['max-age=x', 0],
    ['max-age=', 0],
    ['max-age', 0],
    ['max-age =60', 0],
    ['max-age= 60', 0],
    ["max-age='60'", 0],
    ['max-age="60"x', 0],
    ['max-age=+60', 0],
    ['max-age=٦٠', 0],
    ['max-age=60; x', 0],
    ['ext="max-age=99"', undefined],
    ['ext="a,max-age=99,b"', undefined],
    ['x-max-age=99', undefined],
    ['max-ages=99', undefined],
  ])('rule 23: %s gives %s seconds', (line, seconds) => {
    expect(of(line).maxAge).toBe(seconds)
  })

  it('rule 24: a directive said twice is taken at its smallest', () => {
    expect(of('max-age=60, max-age=10').maxAge).toBe(10)
    expect(of('max-age=10', 'max-age=60').maxAge).toBe(10)
    expect(of('s-maxage=60, s-maxage=x').sMaxAge).toBe(0)
  })

  it.each([
    ['public', true],
    ['must-revalidate', true],
    ['s-maxage=9', true],
    ['PUBLIC', true],
    ['public="x"', false],
    ['no-public', false],
    ['s-maxage=x', false],
    ['s-maxage', false],
    ['must-revalidate=1', false],
    ['proxy-revalidate', false],
    ['max-age=9', false],
  ])('rule 4: whether %s allows sharing with credentials: %s', (line, allows) => {
    expect(of(line).allowsCredentials).toBe(allows)
  })

  it.each([['must-revalidate'], ['proxy-revalidate'], ['s-maxage=1'], ['must-revalidate=x']])(
    'rule 33: %s forbids stale',
    (line) => {
      expect(of(line).forbidsStale).toBe(true)
    },
  )

  it('RFC 5861: an unreadable stale window is none', () => {
    expect(of('stale-while-revalidate=x, stale-if-error').staleWhileRevalidate).toBe(0)
    expect(of('stale-while-revalidate=x, stale-if-error').staleIfError).toBe(0)
    expect(of('stale-while-revalidate=30').staleWhileRevalidate).toBe(30)
  })

  it('never throws, whatever the lines hold', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (lines) => {
        of(...lines)
        requestControl({ 'cache-control': lines, pragma: lines[0] })
      }),
    )
  })

  // The pieces a hostile or careless handler could put together.
  const piece = fc.constantFrom(
    'public',
    'private',
    'max-age=60',
    'max-age',
    's-maxage=9',
    'no-store',
    'no-cache="a"',
    'must-revalidate',
    '"',
    '\\',
    '=',
    ',',
    ';',
    ' ',
    '\t',
    'ext="a, b"',
    'stale-while-revalidate=9',
    'x',
    '\u0000',
  )
  const tightness = (line: string) => {
    const c = of(line)
    return { noStore: c.noStore, private: c.private || c.noStore, noCache: c.noCache || c.noStore }
  }

  it('A54: more text after a restriction never takes it away', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('no-store', 'private', 'no-cache', 'private=""', 'no-cache="x"'),
        fc.array(piece),
        (word, rest) => {
          const before = tightness(word)
          const after = tightness(`${word}, ${rest.join('')}`)
          for (const name of ['noStore', 'private', 'noCache'] as const) {
            if (before[name]) expect(after[name]).toBe(true)
          }
        },
      ),
    )
  })

  it('A54: another member, whole or broken, never lengthens a lifetime that was there', () => {
    fc.assert(
      fc.property(fc.array(piece), (rest) => {
        const control = of(`max-age=5, ${rest.join('')}`)
        expect(control.noStore || (control.maxAge ?? Infinity) <= 5).toBe(true)
      }),
    )
  })

  it('attack 12: 64 kB of commas, open quotes and backslashes are read in linear time', () => {
    const read = () => {
      for (const text of [',', '"', '\\', '"\\', 'a=', ' ', '=", ', 'private ', 'a"b']) {
        of(text.repeat(65_536 / text.length))
        of(`x="${text.repeat(65_536 / text.length)}`)
      }
    }
    expect(quickest(1000, read)).toBeLessThan(1000)
  })
})

describe('reading Cache-Control of a request', () => {
  const asks = (line: string) => requestControl({ 'cache-control': line })

  it('rule 36: reads what RFC 9111 §5.2.1 lists', () => {
    expect(asks('no-store, No-Cache, only-if-cached, max-age=1, min-fresh=2, max-stale=3')).toEqual({
      noStore: true,
      noCache: true,
      onlyIfCached: true,
      maxAge: 1,
      minFresh: 2,
      maxStale: 3,
    })
  })

  it('a bare max-stale is any staleness; what cannot be read is the strictest', () => {
    expect(asks('max-stale').maxStale).toBe(Infinity)
    expect(asks('max-stale=x').maxStale).toBe(0)
    expect(asks('max-stale, max-stale=5').maxStale).toBe(5)
    expect(asks('min-fresh=x').minFresh).toBe(MAX_SECONDS)
    expect(asks('max-age=-1').maxAge).toBe(0)
  })

  it('Pragma: no-cache stands in where there is no Cache-Control (RFC 9111 §5.4)', () => {
    expect(requestControl({ pragma: 'No-Cache' }).noCache).toBe(true)
    expect(requestControl({ pragma: 'no-cache', 'cache-control': 'max-age=1' }).noCache).toBe(false)
    expect(requestControl({ pragma: 'xno-cache' }).noCache).toBe(false)
  })
})
