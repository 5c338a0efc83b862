import { describe, expect, it } from 'vitest'
import type { Backend } from '../../src/core/backend.ts'
import { makeCaches } from '../../src/core/caches.ts'
import { noFormat } from './kit.ts'
import { plainBackend } from './plain-backend.ts'

function watched(): Backend & { calls: string[] } {
  const calls: string[] = []
  const backend = plainBackend(true)
  return {
    ...backend,
    calls,
    open(host) {
      calls.push('open')
      backend.open(host)
    },
    close() {
      calls.push('close')
      backend.close()
    },
  }
}

const registry = (config: object) => makeCaches(config as { default: { backend: Backend } }, {}, noFormat)

describe('SET the registry', () => {
  it('SET-01 a configuration without default is refused, and so is what is none', () => {
    expect(() => registry({})).toThrow(
      expect.objectContaining({ code: 'NO_DEFAULT_CACHE', name: 'ConfigError' }),
    )
    for (const config of [null, undefined, 5, 'x', []]) {
      expect(() => registry(config as object)).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }))
    }
    expect(() => registry({ default: null })).toThrow(TypeError)
  })

  it('SET-05 SET-06 an alias is the same cache every time, an unknown one an UnknownCacheError', () => {
    const caches = registry({ default: { backend: plainBackend(true) } })
    expect(caches.get('default')).toBe(caches.default)
    for (const alias of [
      'nope',
      '',
      'toString',
      '__proto__',
      'constructor',
      'hasOwnProperty',
      'get',
      5,
      null,
      {},
    ]) {
      expect(() => caches.get(alias as string)).toThrow(
        expect.objectContaining({ name: 'UnknownCacheError', code: 'UNKNOWN_CACHE' }),
      )
    }
  })

  it('names that the registry or the language needs cannot be aliases', () => {
    for (const alias of [
      'get',
      'all',
      'on',
      'close',
      'then',
      'constructor',
      'prototype',
      '__proto__',
      'toString',
      'toJSON',
      'valueOf',
      '',
    ]) {
      const config = JSON.parse(`{"default": {}, ${JSON.stringify(alias)}: {}}`)
      for (const one of Object.keys(config)) config[one].backend = plainBackend(true)
      expect(() => registry(config), alias).toThrow(expect.objectContaining({ code: 'RESERVED_ALIAS' }))
    }
  })

  it('SET-10 iterates over aliases in the order of the configuration; all() gives their caches', async () => {
    const backend = plainBackend(true)
    const caches = makeCaches({ b: { backend }, default: { backend }, a: { backend } }, {}, noFormat)
    expect([...caches]).toEqual(['b', 'default', 'a'])
    expect(caches.all()).toEqual([caches.b, caches.default, caches.a])
    expect(caches.all({ opened: true })).toEqual([])
    await caches.a.get('key')
    expect(caches.all({ opened: true })).toEqual([caches.a])
    expect(caches.a.alias).toBe('a')
  })

  it('has no prototype, is frozen, and can be awaited', async () => {
    const caches = registry({ default: { backend: plainBackend(true) } })
    expect(Object.getPrototypeOf(caches)).toBe(null)
    expect(Object.isFrozen(caches)).toBe(true)
    expect(await caches).toBe(caches)
  })
})

describe('opening and closing', () => {
  it('SET-05 F88 a backend is opened by the first verb, and never only to be closed', async () => {
    const backend = watched()
    const caches = registry({ default: { backend } })
    expect(backend.calls).toEqual([])
    await caches.close()
    expect(backend.calls).toEqual([])
    await expect(caches.default.get('key')).rejects.toMatchObject({ code: 'CLOSED' })
    expect(backend.calls).toEqual([])
  })

  it('SET-11 one backend under several aliases is opened by each and closed with the last', async () => {
    const backend = watched()
    const caches = makeCaches(
      { default: { backend }, other: { backend, keyPrefix: 'o' }, unused: { backend } },
      {},
      noFormat,
    )
    await caches.default.set('key', 1)
    await caches.other.set('key', 2)
    expect(backend.calls).toEqual(['open', 'open'])
    await caches.default.close()
    expect(backend.calls).toEqual(['open', 'open'])
    expect(await caches.other.get('key')).toBe(2)
    await caches.close()
    await caches.close()
    expect(backend.calls).toEqual(['open', 'open', 'close'])
  })

  it('F88 close waits for what runs behind, and tells running loads to give up', async () => {
    const backend = watched()
    const caches = registry({ default: { backend } })
    let reason: unknown
    const load = caches.default.getOrSet(
      'key',
      ({ signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason
            resolve('given up')
          })
        }),
    )
    await new Promise((resolve) => setImmediate(resolve))
    await caches.close()
    expect(reason).toMatchObject({ code: 'CLOSED' })
    expect(await load).toBe('given up')
  })
})

describe('T25 prototype pollution', () => {
  const keys = [
    '__proto__',
    'constructor',
    'prototype',
    '__proto__.polluted',
    'constructor.prototype',
    '__defineGetter__',
    'hasOwnProperty',
    'toString',
    'valueOf',
    'then',
  ]
  const payloads = [
    '{"__proto__": {"polluted": true}}',
    '{"constructor": {"prototype": {"polluted": true}}}',
    '{"a": {"__proto__": {"polluted": true}}}',
    '[{"__proto__": {"polluted": true}}]',
  ].map((text) => () => JSON.parse(text))

  it('no key, value, option, alias or configuration reaches a prototype', async () => {
    const caches = registry({ default: { backend: plainBackend(true), keys: 'any' } })
    const cache = caches.default
    const before = Object.getOwnPropertyNames(Object.prototype).sort()
    for (const key of keys) {
      for (const payload of payloads) {
        const attempts: (() => unknown)[] = [
          () => cache.set(key, payload()),
          () => cache.get(key),
          () => cache.add(key, payload()),
          () => cache.getOrSet(key, payload),
          () => cache.getOrSet(key, payload, { fresh: true, staleFor: 5 }),
          () => cache.getMany([key]),
          () => cache.setMany({ [key]: payload() }),
          () => cache.setMany(new Map([[key, payload()]])),
          () => cache.setMany(payload()),
          () => cache.inspect(key),
          () => cache.expire(key),
          () => cache.touch(key, payload()),
          () => cache.set(key, 1, payload()),
          () => cache.get(key, payload()),
          () => cache.clear(payload()),
          () => cache.incr(key, 1, payload()),
          () => cache.deleteMany([key]),
          () => caches.get(key),
          () => registry({ default: { backend: plainBackend(true), ...payload() } }),
          () => registry({ default: { backend: plainBackend(true) }, [key]: payload() }),
          () => registry(payload()),
        ]
        for (const attempt of attempts) {
          try {
            await attempt()
          } catch (error) {
            expect(error, String(attempt)).toBeInstanceOf(Error)
          }
          expect(({} as { polluted?: boolean }).polluted, String(attempt)).toBe(undefined)
        }
      }
    }
    expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(before)
    expect(await cache.getMany(keys)).toBeInstanceOf(Map)
  })
})
