import { describe, expect, it } from 'vitest'
import { makeCaches } from '../../src/core/caches.ts'
import { checkOptions, checkWord, parseBytes } from '../../src/core/options.ts'
import { kit, noFormat } from './kit.ts'
import { plainBackend } from './plain-backend.ts'

function configured(options: Record<string, unknown>) {
  return () => makeCaches({ default: { backend: plainBackend(true), ...options } }, {}, noFormat)
}

describe('A11 options of a cache', () => {
  it('a name that we do not know is refused with the nearest right one', () => {
    for (const [wrong, right] of [
      ['tll', 'ttl'],
      ['timeout', undefined],
      ['keyprefix', 'keyPrefix'],
      ['stalefor', 'staleFor'],
      ['softTimout', 'softTimeout'],
      ['verison', 'version'],
      ['codecs', 'codec'],
      ['onBackendEror', 'onBackendError'],
      ['backedn', 'backend'],
    ] as const) {
      const message = right === undefined ? /unknown option "timeout"/ : new RegExp(`did you mean "${right}"`)
      expect(configured({ [wrong]: 1 }), wrong).toThrow(message)
      expect(configured({ [wrong]: 1 }), wrong).toThrow(expect.objectContaining({ code: 'UNKNOWN_OPTION' }))
    }
  })

  it('what is of the wrong kind is refused at start, before anything is opened', () => {
    for (const options of [
      { ttl: '30' },
      { ttl: Number.NaN },
      { ttl: Number.POSITIVE_INFINITY },
      { ttl: true },
      { version: '1' },
      { version: -1 },
      { version: 1.5 },
      { keyPrefix: 5 },
      { keyPrefix: 'tenant:42' },
      { keyPrefix: '\ud800' },
      { keys: 'lax' },
      { keyFunction: 'f' },
      { codec: {} },
      { maxValueBytes: '1 MB' },
      { maxValueBytes: 0 },
      { compress: 'yes' },
      { onBackendError: 'ignore' },
      { staleFor: -1 },
      { staleFor: null },
      { softTimeout: '5' },
      { hardTimeout: {} },
      { refreshAhead: 1 },
      { refreshAhead: 0 },
      { lock: 'yes' },
      { lock: { lease: '10ms' } },
      { backend: undefined },
      { backend: plainBackend },
      { backend: {} },
      { backend: { ...plainBackend(true), shared: true } },
    ]) {
      expect(configured(options), JSON.stringify(options)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^[A-Z_]+$/) }),
      )
    }
  })

  it('a message never shows a value', () => {
    for (const options of [
      { ttl: 'hunter2' },
      { keys: 'hunter2' },
      { onBackendError: 'hunter2' },
      { lock: 'hunter2' },
    ]) {
      expect(configured(options)).toThrow(
        expect.objectContaining({ message: expect.not.stringMatching('hunter2') }),
      )
    }
  })

  it('what is right is taken, and the configuration is not changed (SET-13)', () => {
    const options = Object.freeze({
      backend: plainBackend(true),
      ttl: '5m',
      keyPrefix: 'a:b2:c',
      version: 0,
      staleFor: '1h',
      refreshAhead: '30s',
      lock: { lease: '5s' },
      maxValueBytes: '64mb',
      keys: 'strict',
      onBackendError: 'throw',
    } as const)
    expect(() => makeCaches(Object.freeze({ default: options }), {}, noFormat)).not.toThrow()
  })
})

describe('A11 options of a call', () => {
  it('a name that we do not know is refused, for every verb', async () => {
    const { cache } = kit()
    const tll = { tll: 5 } as object
    for (const call of [
      () => cache.get('k', tll),
      () => cache.set('k', 1, tll),
      () => cache.add('k', 1, tll),
      () => cache.getOrSet('k', () => 1, tll),
      () => cache.getMany(['k'], tll),
      () => cache.setMany({ k: 1 }, tll),
      () => cache.delete('k', tll),
      () => cache.deleteMany(['k'], tll),
      () => cache.has('k', tll),
      () => cache.touch('k', tll),
      () => cache.incr('k', 1, tll),
      () => cache.decr('k', 1, tll),
      () => cache.incrVersion('k', 1, tll),
      () => cache.inspect('k', tll),
      () => cache.expire('k', tll),
      () => cache.clear(tll),
    ]) {
      await expect(call(), String(call)).rejects.toMatchObject({ name: 'TypeError', code: 'UNKNOWN_OPTION' })
    }
    expect(await cache.has('k')).toBe(false)
  })

  it('an option of another verb is refused', async () => {
    const { cache } = kit()
    const wrong = (options: object) => options as never
    await expect(cache.set('k', 1, wrong({ fresh: true }))).rejects.toThrow(/unknown option "fresh"/)
    await expect(cache.get('k', wrong({ ttl: 5 }))).rejects.toThrow(/unknown option "ttl"/)
    await expect(cache.touch('k', wrong({ staleFor: 5 }))).rejects.toThrow(/unknown option "staleFor"/)
    await expect(cache.getMany(['k'], wrong({ default: 5 }))).rejects.toThrow(/unknown option "default"/)
  })

  it('what is no options object is refused', async () => {
    const { cache } = kit()
    for (const options of [new Date(), new Map(), [], Promise.resolve()] as never[]) {
      await expect(cache.set('k', 1, options)).rejects.toThrow(TypeError)
    }
    for (const options of [5, 'x', true, null, []] as never[]) {
      await expect(cache.get('k', options)).rejects.toThrow(TypeError)
      await expect(cache.has('k', options)).rejects.toThrow(TypeError)
      await expect(cache.clear(options)).rejects.toThrow(TypeError)
    }
    await expect(cache.get('k', { stale: 1 as unknown as boolean })).rejects.toThrow(TypeError)
    await expect(cache.getOrSet('k', () => 1, { fresh: 'yes' as unknown as boolean })).rejects.toThrow(
      TypeError,
    )
  })
})

describe('the small checks', () => {
  it('a typo is guessed only where it is near', () => {
    expect(() => checkOptions('f()', { maxEntrys: 1 }, ['maxEntries'])).toThrow(/did you mean "maxEntries"/)
    expect(() => checkOptions('f()', { zzz: 1 }, ['maxEntries'])).toThrow(/known are maxEntries/)
    expect(() => checkOptions('f()', { ['x'.repeat(500)]: 1 }, ['a'])).toThrow(/^.{0,120}$/)
    expect(() => checkWord('copies', 'privat', ['private', 'frozen'])).toThrow(/did you mean 'private'/)
  })

  it('bytes are a whole number, or one with a unit of 1024', () => {
    expect(parseBytes('x', 5)).toBe(5)
    expect(parseBytes('x', '512kb')).toBe(524_288)
    expect(parseBytes('x', '1.5mb')).toBe(1_572_864)
    expect(parseBytes('x', '2GB')).toBe(2 ** 31)
    for (const wrong of [0, -1, 1.5, Number.NaN, '', '5', '5 mb', '-1mb', '0b', null, {}, '9'.repeat(400)]) {
      expect(() => parseBytes('x', wrong), String(wrong)).toThrow(/x must be/)
    }
  })
})
