/** What every adapter promises: one list of cases, run against each on a real server. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { fakeClock } from '../../../src/testing/clock.ts'
import { ask, isHit } from './client.ts'
import { type Answer, type Asked, MOUNTS, type Setup, type Site, type View } from './mounts.ts'

vi.spyOn(process, 'emitWarning').mockImplementation(() => {})

describe.each(MOUNTS)('$name', ({ start, reruns, name }) => {
  const sites: Site[] = []
  afterEach(async () => {
    for (const site of sites.splice(0)) await site.close()
  })
  async function site(view: View, setup?: Setup): Promise<Site> {
    const made = await start(view, setup)
    sites.push(made)
    return made
  }
  /** A view that counts its calls. */
  function counting(answer: (n: number) => ReturnType<View> = (n) => ({ body: `page ${n}` })) {
    let calls = 0
    return vi.fn<View>(() => answer(++calls))
  }

  it('a page is made once and served from the store, with Age, Expires and max-age', async () => {
    const view = counting()
    const { url } = await site(view)
    const first = await ask(`${url}/a`)
    expect(first).toMatchObject({ status: 200, body: 'page 1' })
    expect(first.headers['cache-control']).toBe('max-age=600')
    expect(first.headers.age).toBeUndefined()
    const second = await ask(`${url}/a`)
    expect(second).toMatchObject({ status: 200, body: 'page 1' })
    expect(second.headers).toMatchObject({ age: '0', 'cache-control': 'max-age=600', 'content-length': '6' })
    expect(second.headers.expires).toBe(first.headers.expires)
    expect(isHit(second)).toBe(true)
    expect(view).toHaveBeenCalledTimes(1)
  })

  it('PAG-25 query strings are part of the key', async () => {
    const { url } = await site(counting())
    expect((await ask(`${url}/a?b=1`)).body).toBe('page 1')
    expect((await ask(`${url}/a?b=2`)).body).toBe('page 2')
    expect((await ask(`${url}/a?b=1`)).body).toBe('page 1')
  })

  it('A78 HEAD is answered from a stored GET, and makes no page itself', async () => {
    const view = counting()
    const { url } = await site(view)
    const early = await ask(`${url}/a`, { method: 'HEAD' })
    expect(early.body).toBe('')
    const made = await ask(`${url}/a`)
    expect(made.body).toBe('page 2')
    const head = await ask(`${url}/a`, { method: 'HEAD' })
    expect(head).toMatchObject({ status: 200, body: '' })
    expect(head.headers['content-length']).toBe('6')
    expect(isHit(head)).toBe(true)
  })

  it('rule 38: who has the page already is told 304, also on the miss that makes it', async () => {
    const view = counting((n) => ({ body: `page ${n}`, headers: { etag: '"v1"', 'x-more': 'y' } }))
    const { url } = await site(view)
    const headers = { 'if-none-match': '"v0", W/"v1"' }
    for (const turn of [1, 2]) {
      const got = await ask(`${url}/a`, { headers })
      expect(got, `turn ${turn}`).toMatchObject({ status: 304, body: '' })
      expect(got.headers.etag).toBe('"v1"')
      expect(got.headers['content-type']).toBeUndefined()
    }
    expect(await ask(`${url}/a`)).toMatchObject({ status: 200, body: 'page 1' })
    expect(view).toHaveBeenCalledTimes(1)
  })

  it('a stored page without an ETag gets one', async () => {
    const { url } = await site(counting())
    await ask(`${url}/a`)
    const etag = (await ask(`${url}/a`)).headers.etag!
    expect(etag).toMatch(/^(W\/)?"/)
    expect((await ask(`${url}/a`, { headers: { 'if-none-match': etag } })).status).toBe(304)
  })

  it('rule 47: a range is cut from the whole page, also on the miss that makes it', async () => {
    const view = counting(() => ({ body: '0123456789' }))
    const { url } = await site(view)
    for (const turn of [1, 2]) {
      const part = await ask(`${url}/a`, { headers: { range: 'bytes=2-4' } })
      expect(part, `turn ${turn}`).toMatchObject({ status: 206, body: '234' })
      expect(part.headers).toMatchObject({ 'content-range': 'bytes 2-4/10', 'content-length': '3' })
    }
    expect((await ask(`${url}/a`)).body).toBe('0123456789')
    expect((await ask(`${url}/a`, { headers: { range: 'bytes=20-' } })).status).toBe(416)
    expect(view).toHaveBeenCalledTimes(1)
  })

  it('A83 a page that is sent piece by piece is a page once it has ended', async () => {
    const view = counting((n) => ({ pieces: [`page `, `${n}`] }))
    const { url } = await site(view)
    expect((await ask(`${url}/a`)).body).toBe('page 1')
    const hit = await ask(`${url}/a`)
    expect(hit.body).toBe('page 1')
    expect(isHit(hit)).toBe(true)
  })

  it('A83 events are passed on as they come and not stored', async () => {
    const view = counting((n) => ({
      headers: { 'content-type': 'text/event-stream' },
      pieces: [`data: ${n}\n\n`],
    }))
    const { url } = await site(view)
    await ask(`${url}/a`)
    expect((await ask(`${url}/a`)).body).toBe('data: 2\n\n')
  })

  it('A82 a response that breaks off is not stored', async () => {
    let breaks = true
    const view = counting((n) => ({
      pieces: (async function* () {
        yield `page ${n}`
        if (breaks) throw new Error('half way')
      })(),
    }))
    const { url } = await site(view)
    await ask(`${url}/a`).catch(() => {})
    breaks = false
    expect((await ask(`${url}/a`)).body).toBe('page 2')
    expect((await ask(`${url}/a`)).body).toBe('page 2')
  })

  it('a handler that throws is answered by the framework, and nothing is stored', async () => {
    const view = counting((n) => {
      if (n === 1) throw new Error('broken')
      return { body: `page ${n}` }
    })
    const { url } = await site(view)
    expect((await ask(`${url}/a`)).status).toBe(500)
    expect(await ask(`${url}/a`)).toMatchObject({ status: 200, body: 'page 2' })
  })

  it('attack 10: what outgrows the limit is passed on whole and not stored', async () => {
    const big = 'x'.repeat(3000)
    const view = counting((n) => ({ pieces: [big, big, `${n}`] }))
    const { url } = await site(view, { options: { maxPageBytes: 5000 } })
    expect((await ask(`${url}/a`)).body).toBe(`${big}${big}1`)
    expect((await ask(`${url}/a`, { headers: { range: 'bytes=0-1' } })).body).toBe(`${big}${big}2`)
  })

  it('L13 200 visitors of a cold page are one call of the handler', async () => {
    const view = vi.fn<View>(async () => {
      await new Promise((resolve) => setTimeout(resolve, 100))
      return { body: 'slow' }
    })
    const { url } = await site(view)
    const all = await Promise.all(Array.from({ length: 200 }, () => ask(`${url}/a`)))
    expect(all.every(({ body }) => body === 'slow')).toBe(true)
    expect(view).toHaveBeenCalledTimes(1)
  })

  it('rule 37: who waited for an answer that is not to be shared gets one of its own', async () => {
    let n = 0
    const view = vi.fn<View>(async () => {
      const mine = ++n
      await new Promise((resolve) => setTimeout(resolve, 20))
      return { body: `page ${mine}`, headers: { 'cache-control': 'private' } }
    })
    const { url } = await site(view)
    const all = await Promise.all(Array.from({ length: 5 }, () => ask(`${url}/a`)))
    expect(new Set(all.map(({ body }) => body)).size).toBe(5)
  })

  it('rule 44: an unsafe request makes the page invalid', async () => {
    const { url } = await site(counting())
    await ask(`${url}/a`)
    const changed = await ask(`${url}/a`, { method: 'POST' })
    expect(isHit(changed)).toBe(false)
    expect((await ask(`${url}/a`)).body).toBe('page 3')
  })

  it('purge removes every variant of a URL, for all methods', async () => {
    const view = counting((n) => ({ body: `page ${n}`, headers: { vary: 'X-A' } }))
    const { url, purge } = await site(view)
    await ask(`${url}/a`)
    await ask(`${url}/a`, { headers: { 'x-a': '1' } })
    expect(await purge(`${url}/a`)).toBe(true)
    expect((await ask(`${url}/a`)).body).toBe('page 3')
    expect((await ask(`${url}/a`, { headers: { 'x-a': '1' } })).body).toBe('page 4')
  })

  it('clear() empties the pages of the alias', async () => {
    const { url, clear } = await site(counting())
    await ask(`${url}/a`)
    await clear()
    expect((await ask(`${url}/a`)).body).toBe('page 2')
  })

  it('the update and fetch halves together store and serve', async () => {
    if (name === 'node, wrapped') return
    const { url } = await site(counting(), { doors: 'halves' })
    expect((await ask(`${url}/a`)).body).toBe('page 1')
    const hit = await ask(`${url}/a`)
    expect(hit.body).toBe('page 1')
    expect(isHit(hit)).toBe(true)
  })

  it('PAG-04 the halves in the wrong order store nothing', async () => {
    if (name === 'node, wrapped') return
    const { url } = await site(counting(), { doors: 'wrong order' })
    await ask(`${url}/a`)
    expect((await ask(`${url}/a`)).body).toBe('page 2')
  })

  it('PAG-14 a route keeps its page for its own ttl, and what goes out is what the view said', async () => {
    if (name === 'node, wrapped') return
    const clock = fakeClock()
    const view = counting((n) => ({ body: `page ${n}`, headers: { 'cache-control': 'max-age=1' } }))
    const { url } = await site(view, { clock, doors: { route: [60, { cache: 'special', keyPrefix: 'p' }] } })
    await ask(`${url}/a`)
    clock.advance(59_000)
    const hit = await ask(`${url}/a`)
    expect(hit.body).toBe('page 1')
    expect(hit.headers['cache-control']).toBe('max-age=1')
    clock.advance(2_000)
    expect((await ask(`${url}/a`)).body).toBe('page 2')
  })

  it('PAG-15 cachePage(0) adds the headers and stores nothing', async () => {
    if (name === 'node, wrapped') return
    const { url } = await site(counting(), { doors: { route: [0] } })
    expect((await ask(`${url}/a`)).headers['cache-control']).toBe('max-age=0')
    expect((await ask(`${url}/a`)).body).toBe('page 2')
  })

  it('an expired page is a miss', async () => {
    const clock = fakeClock()
    const { url } = await site(counting(), { clock })
    await ask(`${url}/a`)
    clock.advance(599_000)
    expect((await ask(`${url}/a`)).headers.age).toBe('599')
    clock.advance(1_000)
    expect((await ask(`${url}/a`)).body).toBe('page 2')
  })

  it('rule 34: a stale page is served while one refresh runs, without the visitor’s credentials', async () => {
    const clock = fakeClock()
    const seen: (string | undefined)[] = []
    const view = counting((n) => ({
      body: `page ${n}`,
      headers: { 'cache-control': 'max-age=10, stale-while-revalidate=60' },
    }))
    const spying: View = (asked) => {
      seen.push(asked.header('x-seen'))
      return view(asked)
    }
    const { url } = await site(spying, { clock })
    await ask(`${url}/a`, { headers: { 'x-seen': 'yes' } })
    clock.advance(11_000)
    const stale = await ask(`${url}/a`, { headers: { cookie: 'a=1', 'x-seen': 'yes' } })
    if (!reruns) {
      expect(stale.body).toBe('page 2')
      return
    }
    expect(stale.body).toBe('page 1')
    await vi.waitFor(async () => expect((await ask(`${url}/a`)).body).toBe('page 2'))
    expect(view).toHaveBeenCalledTimes(2)
    expect(seen).toEqual(['yes', undefined])
  })

  it('rule 35: a stale page stands in for a handler that fails', async () => {
    const clock = fakeClock()
    const view = counting((n) => {
      if (n === 2) throw new Error('down')
      return {
        status: n === 3 ? 503 : 200,
        body: `page ${n}`,
        headers: { 'cache-control': 'max-age=10, stale-if-error=60' },
      }
    })
    const { url } = await site(view, { clock })
    await ask(`${url}/a`)
    clock.advance(11_000)
    expect(await ask(`${url}/a`)).toMatchObject({ status: 200, body: 'page 1' })
    expect(await ask(`${url}/a`)).toMatchObject({ status: 200, body: 'page 1' })
    expect((await ask(`${url}/a`)).body).toBe('page 4')
  })

  it('rule 40: the handler confirms a stale page with 304, and visitors get it whole', async () => {
    const clock = fakeClock()
    const view = vi.fn(
      (asked: Asked): Answer =>
        asked.header('if-none-match') === '"v1"'
          ? { status: 304, headers: { etag: '"v1"', 'cache-control': 'max-age=10', 'x-new': 'yes' } }
          : { body: 'page', headers: { etag: '"v1"', 'cache-control': 'max-age=10' } },
    )
    const { url } = await site(view, { clock, options: { keepToValidate: '1h' } })
    await ask(`${url}/a`)
    clock.advance(11_000)
    for (const turn of [1, 2]) {
      const got = await ask(`${url}/a`)
      expect(got, `turn ${turn}`).toMatchObject({ status: 200, body: 'page' })
      expect(got.headers['x-new']).toBe('yes')
    }
    expect(view).toHaveBeenCalledTimes(2)
  })

  it('rule 41: a 304 that names another page brings nothing up to date, and nobody gets it bare', async () => {
    const clock = fakeClock()
    let n = 0
    const view = vi.fn(
      (asked: Asked): Answer =>
        asked.header('if-none-match')
          ? { status: 304, headers: { etag: '"v2"', 'cache-control': 'max-age=10', 'x-new': 'yes' } }
          : { body: `page ${++n}`, headers: { etag: '"v1"', 'cache-control': 'max-age=10' } },
    )
    const { url } = await site(view, { clock, options: { keepToValidate: '1h' } })
    await ask(`${url}/a`)
    clock.advance(11_000)
    const got = await ask(`${url}/a`)
    expect(got).toMatchObject({ status: 200, body: 'page 1' })
    expect(got.headers['x-new']).toBeUndefined()
    expect(await ask(`${url}/a`)).toMatchObject({ status: 200, body: 'page 2' })
  })

  it('what was set before the lookup is each visit’s own: never another’s, and on a hit too', async () => {
    if (name === 'node, wrapped' || name === 'fetch') return
    let n = 0
    const before = () => ({ 'x-request-id': `id ${++n}`, 'x-both': 'outer' })
    const view = counting((m) => ({ body: `page ${m}`, headers: { 'x-both': 'inner', etag: '"v1"' } }))
    const { url } = await site(view, { before })
    for (const turn of [1, 2, 3]) {
      const got = await ask(`${url}/a`)
      expect(got).toMatchObject({ body: 'page 1' })
      expect(got.headers, `turn ${turn}`).toMatchObject({ 'x-request-id': `id ${turn}`, 'x-both': 'inner' })
    }
    const known = await ask(`${url}/a`, { headers: { 'if-none-match': '"v1"' } })
    expect(known).toMatchObject({ status: 304 })
    expect(known.headers['x-request-id']).toBe('id 4')
  })

  it('A51 nor is a page stored whose cookie was set before the lookup', async () => {
    if (name === 'node, wrapped' || name === 'fetch') return
    let n = 0
    const { url } = await site(counting(), { before: () => ({ 'set-cookie': `sid=${++n}` }) })
    for (const turn of [1, 2]) {
      const got = await ask(`${url}/a`)
      expect(got.body).toBe(`page ${turn}`)
      expect(got.headers['set-cookie']).toEqual([`sid=${turn}`])
    }
  })

  it('A73 a GET with a body passes by', async () => {
    const { url } = await site(counting())
    await ask(`${url}/a`, { body: 'x', headers: { 'content-length': 1 } }).catch(() => {})
    const got = await ask(`${url}/a`)
    expect(isHit(got)).toBe(false)
  })

  it('a store that is gone is a page made by the handler', async () => {
    const { memory } = await import('../../../src/backends/memory.ts')
    const backend = memory()
    const broken = new Proxy(backend, {
      get(target, name) {
        if (['get', 'add', 'set', 'replace', 'delete'].includes(String(name))) {
          return () => {
            throw new Error('gone')
          }
        }
        const member: unknown = Reflect.get(target, name, target)
        return typeof member === 'function' ? member.bind(target) : member
      },
    })
    const { url } = await site(counting(), { backend: broken })
    expect(await ask(`${url}/a`)).toMatchObject({ status: 200, body: 'page 1' })
    expect(await ask(`${url}/a`)).toMatchObject({ status: 200, body: 'page 2' })
  })
})
