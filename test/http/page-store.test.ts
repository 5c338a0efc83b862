import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { file } from '../../src/backends/file/file.ts'
import { memory } from '../../src/backends/memory.ts'
import { tiered } from '../../src/backends/tiered/tiered.ts'
import type { Backend } from '../../src/core/backend.ts'
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

describe('bytes of a page', () => {
  const stored = page('body', { etag: '"a"' })
  const entry = { generation: 'g', variants: [{ id: 'i', names: ['x-a'] }], page: stored, endsAt: null }

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
})
