import fc from 'fast-check'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { hashedKeys } from '../../../src/core/values/hashed-keys.ts'
import { KeyCheck, keyFault } from '../../../src/core/values/key.ts'
import { checkPrefix, checkVersion, makeSpace, readBack } from '../../../src/core/values/space.ts'
import { quickest } from '../../quickest.ts'

/** Texts that are near each other where it matters. */
const text = fc.oneof(
  fc.string({
    unit: fc.constantFrom(':', '1', '2', 'a', '0', '\ufffd', '\ud800', 'd800', '\\', '%'),
    maxLength: 6,
  }),
  fc.string({ unit: 'binary', maxLength: 8 }),
)
const prefix = text.filter((candidate) => {
  try {
    checkPrefix(candidate)
    return true
  } catch {
    return false
  }
})
const version = fc.oneof(fc.nat({ max: 12 }), fc.nat({ max: 2 ** 40 }))
const key = text.filter((candidate) => candidate !== '')

describe('storage keys', () => {
  it("KEY-01 are prefix:version:key, as Django's", () => {
    expect(makeSpace('', 1).frame('a')).toBe(':1:a')
    expect(makeSpace('shop', 2).frame('a:b')).toBe('shop:2:a:b')
  })

  it('A07 no two of 200,000 different triples make the same one, once UTF-8', () => {
    const seen = new Map<string, string>()
    fc.assert(
      fc.property(prefix, version, key, (p, v, k) => {
        const storageKey = Buffer.from(makeSpace(p, v).frame(k), 'utf8').toString('latin1')
        const triple = JSON.stringify([p, v, k])
        const other = seen.get(storageKey)
        if (other !== undefined && other !== triple) throw new Error(`${other} and ${triple} collide`)
        seen.set(storageKey, triple)
      }),
      { numRuns: Number(process.env.STILLWARM_TRIPLES ?? 200_000) },
    )
    expect(seen.size).toBeGreaterThan(10_000)
  })

  it('A07 read back as they were made', () => {
    fc.assert(
      fc.property(
        prefix,
        version,
        key.filter((k) => k.isWellFormed() && !k.includes('\ufffd')),
        (p, v, k) => {
          expect(readBack(makeSpace(p, v).frame(k))).toEqual({ prefix: p, version: v, key: k })
        },
      ),
      { numRuns: 20_000 },
    )
    for (const foreign of ['', 'a', 'a:b', 'a:b:c', ':01:a', ':1:', `:${'9'.repeat(20)}:a`]) {
      expect(readBack(foreign), foreign).toBe(undefined)
    }
  })

  it('A08 a space owns its own storage keys of all versions, and no others', () => {
    fc.assert(
      fc.property(prefix, prefix, version, version, key, (mine, other, v, w, k) => {
        const space = makeSpace(mine, v)
        expect(space.owns(makeSpace(mine, w).frame(k))).toBe(true)
        if (other !== mine) expect(space.owns(makeSpace(other, w).frame(k))).toBe(false)
      }),
      { numRuns: 20_000 },
    )
  })

  it('A07 a prefix that could be taken for a version is refused, with a better one', () => {
    for (const [wrong, better] of [
      ['tenant:42', 'tenant-42'],
      [':1', '-1'],
      ['a:1:b', 'a-1:b'],
    ]) {
      expect(() => checkPrefix(wrong)).toThrow(
        expect.objectContaining({
          name: 'RangeError',
          code: 'INVALID_PREFIX',
          message: expect.stringContaining(`"${better}"`),
        }),
      )
    }
    for (const fine of ['', '42', '42:a', 'a:b', 'a:', 'a:1b', 'a: 1']) expect(checkPrefix(fine)).toBe(fine)
  })

  it('A07 a version is a whole number from 0 on, and −0 is 0', () => {
    expect(Object.is(checkVersion(-0), 0)).toBe(true)
    for (const wrong of [-1, 0.5, '1', '1:2', Number.NaN, 2 ** 53, null, undefined]) {
      expect(() => checkVersion(wrong)).toThrow(expect.objectContaining({ code: 'INVALID_VERSION' }))
    }
  })
})

describe('key functions', () => {
  it('KEY-02 get key, prefix and version in that order', () => {
    const space = makeSpace('p', 3, (...parts) => JSON.stringify(parts))
    expect(space.frame('k')).toBe('["k","p",3]')
    expect(space.start).toBe(undefined)
  })

  it('one that throws, or makes no text, is refused with a code', () => {
    const make = (made: unknown) => makeSpace('', 1, () => made as string)
    for (const made of ['', 5, undefined, null]) {
      expect(() => make(made).frame('k')).toThrow(expect.objectContaining({ code: 'KEY_FUNCTION_FAILED' }))
    }
    const throwing = makeSpace('', 1, () => {
      throw new Error('mine')
    })
    expect(() => throwing.frame('k')).toThrow(expect.objectContaining({ cause: expect.any(Error) }))
  })

  it("NC-4 hashedKeys makes newcache's keys", () => {
    expect(hashedKeys({ flavor: 'staging', hash: 'md5' })('games', '', 2)).toBe(
      'staging-2-9cfa7aefcc61936b70aaec6729329eda',
    )
    const sha1 = hashedKeys({ flavor: 'test', hash: 'sha1' })
    expect(sha1('games', '', 1)).toBe('test-1-dd27204535de317c6202952eeb2043fad52e3fec')
    expect(sha1('k', 'shop', 1)).toMatch(/^shop-test-1-[0-9a-f]{40}$/)
    expect(hashedKeys()('k', '', 1)).toMatch(/^-?1-[0-9a-f]{64}$/)
    expect(() => hashedKeys({ flavour: 'x' } as object)).toThrow(/did you mean "flavor"/)
    expect(() => hashedKeys({ hash: 'sha512' as 'sha1' })).toThrow(TypeError)
  })

  it('NC-9 readableTail shows the beginning of the key, harmless and within 250 bytes; the digest is the same', () => {
    const plain = hashedKeys({ flavor: 'test', hash: 'sha1' })
    const readable = hashedKeys({ flavor: 'test', hash: 'sha1', readableTail: true })
    expect(readable('games', '', 1)).toBe('test-1-dd27204535de317c6202952eeb2043fad52e3fec-games')
    expect(readable('user:42 é\r\n/a.b', '', 1).slice(48)).toBe('user:42____/a.b')
    expect(() => hashedKeys({ readableTail: 60 as unknown as boolean })).toThrow(TypeError)
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.nat(260), version, (one, long, of) => {
        const prefix = 'p'.repeat(long)
        const without = plain(one, prefix, of)
        const made = readable(one, prefix, of)
        expect(made.startsWith(without)).toBe(true)
        expect(made.length).toBeLessThanOrEqual(Math.max(250, without.length))
        expect(made.slice(without.length)).toMatch(/^(-[\w.:/]{1,60})?$/)
        for (const keys of [plain, readable]) {
          for (const key of [made, without]) expect(keys.owns?.(key, prefix)).toBe(true)
          expect(keys.owns?.(made, `${prefix}x`)).toBe(false)
        }
      }),
    )
  })

  it('A05 hashedKeys tells halves of characters apart', () => {
    const hashed = hashedKeys()
    const keys = ['\ud800', '\ud801', '\ufffd', '\udc00']
    expect(new Set(keys.map((one) => hashed(one, '', 1))).size).toBe(keys.length)
  })
})

describe('what classic Memcached could not carry', () => {
  it('VAL-02 VAL-03 over 250 code points or bytes, and characters up to space, and DEL', () => {
    expect(keyFault('k'.repeat(250))).toBe(undefined)
    expect(keyFault('k'.repeat(251))).toMatch(
      /^Cache key will cause errors if used with memcached: '.*' \(longer than 250\)$/,
    )
    expect(keyFault('é'.repeat(125))).toBe(undefined)
    expect(keyFault('é'.repeat(126))).toMatch(/longer than 250/)
    expect(keyFault('😀'.repeat(62))).toBe(undefined)
    expect(keyFault('😀'.repeat(63))).toMatch(/longer than 250/)
    for (let code = 0; code <= 0x20; code++)
      expect(keyFault(`a${String.fromCharCode(code)}`)).toMatch(/contains characters/)
    expect(keyFault('a\x7f')).toBe(
      "Cache key contains characters that will cause errors if used with memcached: 'a\x7f'",
    )
    for (const fine of ['a\x80', 'a\u00a0', 'a\u2003', 'ü']) expect(keyFault(fine)).toBe(undefined)
  })

  it('A03 a key of 1 MB is judged at once', () => {
    const long = '😀'.repeat(250_000)
    expect(quickest(50, () => keyFault(long))).toBeLessThan(50)
  })

  describe('is warned of', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    afterEach(() => {
      warn.mockClear()
    })
    afterAll(() => {
      warn.mockRestore()
    })
    const space = makeSpace('', 1)

    it('VAL-05 VAL-07 once a key, with type and code; a hundred keys, then they are counted', () => {
      const check = new KeyCheck('warn')
      for (let i = 0; i < 3; i++) check.check(space, 'a b')
      check.check(space, 'fine')
      expect(warn.mock.calls).toEqual([
        [
          "Cache key contains characters that will cause errors if used with memcached: ':1:a b'",
          { type: 'CacheKeyWarning', code: 'CACHE_KEY_WARNING' },
        ],
      ])
      for (let i = 0; i < 150; i++) check.check(space, `bad ${i}`)
      expect(warn).toHaveBeenCalledTimes(100)
      expect(check.unnamed).toBe(51)
    })

    it('VAL-07 once a process: another cache does not name the same key again', () => {
      for (let i = 0; i < 2; i++) new KeyCheck('warn').check(space, 'told once')
      expect(warn).toHaveBeenCalledTimes(1)
    })

    it("VAL-08 'any' is silent, 'strict' throws, a function is asked of every key", () => {
      new KeyCheck('any').check(space, 'a b')
      expect(() => new KeyCheck('strict').check(space, 'a b')).toThrow(
        expect.objectContaining({ name: 'InvalidKeyError', code: 'INVALID_KEY' }),
      )
      const asked: string[] = []
      const own = new KeyCheck((storageKey) => void asked.push(storageKey))
      own.check(space, 'a b')
      own.check(space, 'fine')
      expect(asked).toEqual([':1:a b', ':1:fine'])
      expect(warn).not.toHaveBeenCalled()
    })

    it('VAL-01 the prefix counts: the final key is judged', () => {
      const strict = new KeyCheck('strict')
      expect(() => strict.check(makeSpace('a b', 1), 'fine')).toThrow(/contains characters/)
      strict.check(makeSpace('', 1), 'k'.repeat(247))
      expect(() => strict.check(makeSpace('', 1), 'k'.repeat(248))).toThrow(/longer than 250/)
    })
  })
})
