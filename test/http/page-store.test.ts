import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { file } from '../../src/backends/file/file.ts'
import { memory } from '../../src/backends/memory.ts'
import { tiered } from '../../src/backends/tiered/tiered.ts'
import type { Backend, Space } from '../../src/core/backend.ts'
import { makeCaches } from '../../src/core/caches.ts'
import { insideOf } from '../../src/core/handle.ts'
import { PageStore } from '../../src/http/page-store.ts'
import type { PageRequest } from '../../src/http/policy/page.ts'
import { record } from '../../src/http/policy/record.ts'
import {
  pageFromBytes,
  pageToBytes,
  type StoredPage,
  urlEntryFromBytes,
  urlEntryToBytes,
} from '../../src/http/resting.ts'
import { busHub } from '../../src/testing/index.ts'

const directories: string[] = []
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true })
})
function inFiles(): Backend {
  const directory = mkdtempSync(join(tmpdir(), 'pages-'))
  directories.push(directory)
  return file({ directory })
}

function get(fields: Record<string, string> = {}): PageRequest {
  return { method: 'GET', fields: { host: 'a.test', ...fields } }
}
function page(body: string, fields: Record<string, string> = {}, request = get()): StoredPage {
  const made = record(request, { status: 200, fields }, { ttl: 60 }, Date.now())
  if (!made.keep) throw new Error(made.reason)
  return { head: made.keep, body: Buffer.from(body) }
}

describe.each([
  ['values in the process', () => memory()],
  ['values in the process, weighed', () => memory({ maxBytes: '1mb' })],
  ['bytes in files', inFiles],
  [
    'bytes in files, and near as it is',
    () => tiered({ near: memory(), far: inFiles(), bus: busHub().bus() }),
  ],
])('a page rests as %s', (_, make) => {
  function store(maxVariants = 32) {
    const none = () => {
      throw new Error('pages go through no codec')
    }
    const format = { encode: none, decode: none, retime: none }
    const caches = makeCaches({ default: { backend: make() } }, {}, () => format)
    const pages = new PageStore(() => insideOf(caches.default), maxVariants)
    const read = async (fields?: Record<string, string>) => {
      const found = await pages.read('u', get(fields), {})
      return found?.page?.body.toString()
    }
    const write = async (generation: string | undefined, body: string, fields = {}, asked = {}) =>
      pages.write('u', generation ?? '', get(asked), page(body, fields, get(asked)), {})
    return { caches, pages, read, write }
  }

  it('what was written is read', async () => {
    const { pages, read, write } = store()
    expect(await read()).toBeUndefined()
    expect(await write(await pages.learn('u'), 'one')).toBe(true)
    expect(await read()).toBe('one')
  })

  it('rules 17 and 19: variants live side by side, absent is not empty, and are all reachable', async () => {
    const { pages, read, write } = store()
    const generation = await pages.learn('u')
    await write(generation, 'none', { vary: 'x-a' })
    await write(generation, 'empty', { vary: 'x-a' }, { 'x-a': '' })
    await write(generation, 'one', { vary: 'x-a' }, { 'x-a': '1' })
    await write(generation, 'other', { vary: 'x-a, x-b' }, { 'x-a': '2', 'x-b': '3' })
    expect(await read()).toBe('none')
    expect(await read({ 'x-a': '' })).toBe('empty')
    expect(await read({ 'x-a': '1' })).toBe('one')
    expect(await read({ 'x-a': '2', 'x-b': '3' })).toBe('other')
  })

  it('A57 the oldest variant goes when there are too many', async () => {
    const { pages, read, write } = store(2)
    const generation = await pages.learn('u')
    for (const n of ['1', '2', '3']) await write(generation, n, { vary: 'x-a' }, { 'x-a': n })
    expect(await read({ 'x-a': '1' })).not.toBe('1')
    expect(await read({ 'x-a': '2' })).toBe('2')
    expect(await read({ 'x-a': '3' })).toBe('3')
  })

  it('design 8, L15: a page begun before the URL was removed is not stored after it', async () => {
    const { pages, read, write } = store()
    const before = await pages.learn('u')
    await pages.remove('u')
    expect(await write(before, 'late')).toBe(false)
    expect(await read()).toBeUndefined()
    const after = await pages.learn('u')
    expect(await write(before, 'late')).toBe(false)
    expect(await write(before, 'late', { vary: 'x-a' }, { 'x-a': '1' })).toBe(false)
    expect(await write(after, 'new')).toBe(true)
    expect(await read({ 'x-a': '1' })).toBe('new')
  })

  it('clear() makes what was begun before too late as well', async () => {
    const { caches, pages, read, write } = store()
    const before = await pages.learn('u')
    await caches.default.clear()
    expect(await write(before, 'late')).toBe(false)
    expect(await read()).toBeUndefined()
  })

  it('A05 a value of the user under the same name is a miss and no error', async () => {
    const { caches, pages, read } = store()
    const { store: raw, door } = insideOf(caches.default)
    const what = insideOf(caches.default).settings.backend.holds === 'bytes' ? new Uint8Array([1, 2]) : 'mine'
    await raw.set(door.space, 'page:u', what, Number.POSITIVE_INFINITY)
    expect(await read()).toBeUndefined()
    expect(pages).toBeDefined()
  })
})

describe('a store that answers with what was not asked for', () => {
  const none = () => {
    throw new Error('pages go through no codec')
  }
  /** Replies are shifted, as those of a client that has lost count: `of` says whose entry each key gets. */
  function storeOver(make: () => Backend) {
    const of = new Map<string, string>()
    const asked: string[] = []
    const backend = new Proxy(make(), {
      get(target, name) {
        const member: unknown = Reflect.get(target, name)
        if (typeof member !== 'function') return member
        if (name !== 'get') return member.bind(target)
        return (space: Space, key: string) => {
          asked.push(key)
          return target.get(space, of.get(key) ?? key)
        }
      },
    })
    const format = { encode: none, decode: none, retime: none }
    const caches = makeCaches({ default: { backend } }, {}, () => format)
    const pages = new PageStore(() => insideOf(caches.default), 32)
    const read = async (url: string, fields?: Record<string, string>) =>
      (await pages.read(url, get(fields), {}))?.page?.body.toString()
    const write = async (url: string, body: string, fields = {}, request = {}) =>
      pages.write(url, (await pages.learn(url)) ?? '', get(request), page(body, fields, get(request)), {})
    /** The key that was asked for last when a page was read. */
    const keyOf = async (url: string, fields?: Record<string, string>) => {
      await read(url, fields)
      return asked.at(-1)!
    }
    return { backend, caches, of, read, write, keyOf }
  }
  const BACKENDS: [string, () => Backend][] = [
    ['values in the process', () => memory()],
    ['bytes in files', inFiles],
  ]

  it.each(BACKENDS)('%s: another URL’s entry is a miss, and left alone', async (_, make) => {
    const { of, read, write, keyOf } = storeOver(make)
    await write('u', 'mine')
    await write('v', 'another’s')
    of.set(await keyOf('u'), await keyOf('v'))
    expect(await read('u')).toBeUndefined()
    expect(await write('u', 'mine, again')).toBe(false)
    expect(await read('v')).toBe('another’s')
    of.clear()
    expect(await read('u')).toBe('mine')
  })

  it.each(BACKENDS)('%s: another page’s variant is a miss', async (_, make) => {
    const { of, read, write, keyOf } = storeOver(make)
    const one = { 'x-a': '1' }
    await write('u', 'mine', { vary: 'x-a' }, one)
    await write('v', 'another’s', { vary: 'x-a' }, one)
    of.set(await keyOf('u', one), await keyOf('v', one))
    expect(await read('u', one)).toBeUndefined()
    of.clear()
    expect(await read('u', one)).toBe('mine')
  })

  it('rule 52: what nobody can read is replaced by the next page', async () => {
    const { backend, caches, read, write, keyOf } = storeOver(inFiles)
    await write('u', 'one')
    const { door } = insideOf(caches.default)
    const key = await keyOf('u')
    await backend.set(door.space, key, new Uint8Array([0xf5, 1, 2, 3]), Number.POSITIVE_INFINITY)
    expect(await read('u')).toBeUndefined()
    expect(await write('u', 'two')).toBe(true)
    expect(await read('u')).toBe('two')
  })
})

describe('bytes of a page', () => {
  const stored = { ...page('body', { etag: '"a"' }), place: 'v' }
  const { place: _place, ...plain } = stored
  const entry = {
    place: 'u',
    generation: 'g',
    variants: [{ id: 'i', names: ['x-a'] }],
    page: plain,
    endsAt: null,
  }

  it('read back as they were written', () => {
    expect(pageFromBytes(pageToBytes(stored))).toEqual(stored)
    expect(urlEntryFromBytes(urlEntryToBytes(entry))).toEqual(entry)
  })

  it('attack 23: cut short or changed anywhere they are no page, and nothing throws', () => {
    const bytes = urlEntryToBytes(entry)
    for (let i = 0; i < bytes.length; i++) {
      expect(urlEntryFromBytes(bytes.subarray(0, i))).toBeUndefined()
      const changed = Uint8Array.from(bytes)
      changed[i]! ^= 1
      expect(urlEntryFromBytes(changed)).toBeUndefined()
    }
  })

  it('A84 a head that would split the response is no page', () => {
    const lines = [...stored.head.lines, 'x-a', 'b\r\nset-cookie: sid=1']
    expect(pageFromBytes(pageToBytes({ ...stored, head: { ...stored.head, lines } }))).toBeUndefined()
  })

  it.each([
    ['a length that is not its body’s', ['content-length', '2']],
    ['a field of a connection', ['transfer-encoding', 'chunked']],
    ['a cookie', ['set-cookie', 'sid=1']],
    ['a name that no page is stored with', ['Set-Cookie', 'sid=1']],
  ])('A84, attack 23: a head with %s is no page', (_, more) => {
    const head = { ...stored.head, lines: [...stored.head.lines, ...more] }
    expect(pageFromBytes(pageToBytes({ ...stored, head }))).toBeUndefined()
    expect(urlEntryFromBytes(urlEntryToBytes({ ...entry, page: { ...plain, head } }))).toBeUndefined()
  })
})
