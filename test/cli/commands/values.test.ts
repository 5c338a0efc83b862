/** get, set, delete and clear: the verbs as they are typed. */
import { afterEach, describe, expect, it } from 'vitest'
import { clear } from '../../../src/cli/commands/clear.ts'
import { deleteKeys } from '../../../src/cli/commands/delete.ts'
import { get, textOf } from '../../../src/cli/commands/get.ts'
import { readValue, set } from '../../../src/cli/commands/set.ts'
import type { Caches, CachesConfig } from '../../../src/index.ts'
import { memory } from '../../../src/index.ts'
import { plainBackend } from '../../core/plain-backend.ts'
import { deadBackend, runOver, sharedCaches } from '../kit.ts'

const open: Caches<CachesConfig>[] = []

function caches(config?: CachesConfig): Caches<CachesConfig> {
  const made = sharedCaches(config)
  open.push(made)
  return made
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((made) => made.close()))
})

describe('set', () => {
  it('stores JSON as what it says, and other text as text', async () => {
    const site = caches()
    const stored: [typed: string, value: unknown][] = [
      ['hello', 'hello'],
      ['5', 5],
      ['{"a":[1,null]}', { a: [1, null] }],
      ['"5"', '5'],
      ['01234', '01234'],
      ['', ''],
    ]
    for (const [typed, value] of stored) {
      expect((await runOver(site, set, ['k', typed])).code).toBe(0)
      expect(await site.default?.get('k')).toEqual(value)
    }
  })

  it('takes it as one or the other where it is told', () => {
    expect(readValue('5', 'text')).toEqual({ kind: 'text', value: '5' })
    expect(() => readValue('hello', 'json')).toThrow('not JSON')
    expect(() => readValue('5', 'yaml')).toThrow('--as must be json or text')
  })

  it('refuses a number that would not be kept exactly', () => {
    expect(() => readValue('12345678901234567890')).toThrow('--as text')
    expect(readValue('9007199254740991').value).toBe(9007199254740991)
  })

  it('reads - from stdin, which no other user of the machine sees', async () => {
    const site = caches()
    await runOver(site, set, ['k', '-'], {}, { input: 'from\nelsewhere' })
    expect(await site.default?.get('k')).toBe('from\nelsewhere')
  })

  it('has ttl, version and cache', async () => {
    const site = caches({
      default: { backend: plainBackend(false) },
      other: { backend: plainBackend(false) },
    })
    await runOver(site, set, ['k', '1'], { ttl: '5m', version: '2', cache: 'other' })
    await runOver(site, set, ['forever', '1'], { ttl: 'never' })
    for (const ttl of ['0', '-5']) await runOver(site, set, ['gone', '1'], { ttl })
    expect((await site.get('other').inspect('k', { version: 2 })).value).toBe(1)
    expect(await site.default?.get('forever')).toBe(1)
    expect(await site.default?.has('gone')).toBe(false)
    await expect(runOver(site, set, ['k', '1'], { ttl: 'soon' })).rejects.toMatchObject({
      code: 'INVALID_TTL',
    })
    await expect(runOver(site, set, ['k', '1'], { version: '-1' })).rejects.toThrow('--version')
    await expect(runOver(site, set, ['', '1'])).rejects.toMatchObject({ code: 'INVALID_KEY' })
  })

  it('says when the store would not keep it', async () => {
    const site = caches({ default: { backend: { ...plainBackend(false), set: async () => false } } })
    const { code, notes, out } = await runOver(site, set, ['k', '1'])
    expect([code, out]).toEqual([1, []])
    expect(notes[0]).toMatch(/"k" is not stored/)
  })
})

describe('get', () => {
  it('shows text as it is, what JSON says as JSON, and the rest as Node does', () => {
    expect(textOf('a "b"')).toBe('a "b"')
    expect(textOf({ a: 1 })).toBe('{\n  "a": 1\n}')
    expect(textOf(null)).toBe('null')
    expect(textOf(new Map([['a', new Date(0)]]))).toBe("Map(1) { 'a' => 1970-01-01T00:00:00.000Z }")
  })

  it('what is missing is exit code 1, and a stored null is not missing', async () => {
    const site = caches()
    await site.default?.set('null', null)
    expect(await runOver(site, get, ['null'])).toMatchObject({ code: 0, out: ['null'], notes: [] })
    expect(await runOver(site, get, ['gone'])).toMatchObject({
      code: 1,
      out: [],
      notes: ['"gone" is not there'],
    })
  })

  it('as JSON it has the times, and says whether the value is exact', async () => {
    const site = caches()
    await site.default?.set('k', { at: new Date(0) }, '1h')
    const { json } = await runOver(site, get, ['k'], { json: true })
    expect(json()).toMatchObject({
      cache: 'default',
      key: 'k',
      status: 'fresh',
      found: true,
      value: { at: '1970-01-01T00:00:00.000Z' },
      exact: false,
    })
    const missing = await runOver(site, get, ['gone'], { json: true })
    expect(missing.code).toBe(1)
    expect(missing.json()).toEqual({ cache: 'default', key: 'gone', status: 'missing', found: false })
  })

  it('a stale value is not there, unless it is asked for', async () => {
    const site = caches()
    await site.default?.set('k', 'old', { ttl: '1m', staleFor: '1h' })
    await site.default?.expire('k')
    const { code, notes } = await runOver(site, get, ['k'])
    expect([code, notes]).toEqual([1, ['"k" is stale: --stale shows it']])
    expect(await runOver(site, get, ['k'], { stale: true })).toMatchObject({ code: 0, out: ['old'] })
  })

  it('A99 the key is told without what a terminal would obey', async () => {
    const { notes } = await runOver(caches(), get, ['\x1b]0;owned\x07'])
    expect(notes[0]).toBe('"\\u001b]0;owned\\u0007" is not there')
  })

  it('a cache of the process is said to be its own', async () => {
    const site = caches({ default: { backend: memory() } })
    expect((await runOver(site, get, ['k'])).notes[1]).toMatch(/default \(memory\) rests in each process/)
  })

  it('F94 a backend that does not answer is no miss', async () => {
    for (const onBackendError of ['miss', 'throw'] as const) {
      const site = caches({ default: { backend: deadBackend(), onBackendError } })
      await expect(runOver(site, get, ['k'])).rejects.toThrow(
        'default (far) is unreachable: connect ECONNREFUSED',
      )
    }
    const frozen = caches({ default: { backend: deadBackend({ silent: true }) } })
    await expect(runOver(frozen, get, ['k'])).rejects.toThrow(
      'default (far) is unreachable: far: peek: no answer',
    )
  })

  it('and one that fails is not unreachable', async () => {
    const backend = { ...plainBackend(false), get: () => Promise.reject(new Error('disk full')) }
    await expect(runOver(caches({ default: { backend } }), get, ['k'])).rejects.toThrow(
      'default (plain) failed: disk full',
    )
  })
})

describe('delete', () => {
  it('says how many were there; none is exit code 1', async () => {
    const site = caches()
    await site.default?.setMany({ a: 1, b: 2 })
    expect(await runOver(site, deleteKeys, ['a', 'b', 'b', 'c'])).toMatchObject({
      code: 0,
      out: ['2 of 3 keys were there, and removed'],
    })
    const again = await runOver(site, deleteKeys, ['a'], { json: true })
    expect(again.code).toBe(1)
    expect(again.json()).toEqual({ cache: 'default', asked: 1, deleted: 0 })
  })
})

describe('A100 clear', () => {
  const full = async () => {
    const site = caches({
      default: { backend: { ...plainBackend(false), size: async () => ({ entries: 12 }) } },
    })
    await site.default?.set('k', 1)
    return site
  }

  it('asks, and says how many there are', async () => {
    const site = await full()
    const refused = await runOver(site, clear, [], {}, { interactive: true, yes: false })
    expect(refused).toMatchObject({ code: 1, notes: ['Nothing was removed.'] })
    expect(refused.asked).toEqual(['Remove all keys of default (plain, which holds 12 entries)?'])
    expect(await site.default?.has('k')).toBe(true)
    expect((await runOver(site, clear, [], {}, { interactive: true, yes: true })).code).toBe(0)
    expect(await site.default?.has('k')).toBe(false)
  })

  it('where nobody can be asked it needs --yes', async () => {
    const site = await full()
    await expect(runOver(site, clear)).rejects.toThrow('--yes')
    expect(await site.default?.has('k')).toBe(true)
    expect(await runOver(site, clear, [], { yes: true })).toMatchObject({ code: 0, asked: [] })
    expect(await site.default?.has('k')).toBe(false)
  })

  it('removes the keys of its own cache; the whole store only when told to', async () => {
    const backend = plainBackend(false)
    const site = caches({ default: { backend, keyPrefix: 'a' }, other: { backend, keyPrefix: 'b' } })
    await site.get('other').set('k', 1)
    await runOver(site, clear, [], { yes: true })
    expect(await site.get('other').has('k')).toBe(true)
    const { json } = await runOver(site, clear, [], { yes: true, everything: true, json: true })
    expect(json()).toEqual({ cache: 'default', everything: true, cleared: true })
    expect(await site.get('other').has('k')).toBe(false)
  })

  it('a cache that is not configured clears no other one', async () => {
    const site = await full()
    await expect(runOver(site, clear, [], { yes: true, cache: 'defualt' })).rejects.toMatchObject({
      code: 'UNKNOWN_CACHE',
    })
    expect(await site.default?.has('k')).toBe(true)
  })
})
