/** Many visitors at once, and what another one has left behind: in every adapter, on a real server. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ask } from './client.ts'
import { MOUNTS, type Setup, type Site, type View } from './mounts.ts'

vi.spyOn(process, 'emitWarning').mockImplementation(() => {})

describe.each(MOUNTS)('$name', ({ start }) => {
  const sites: Site[] = []
  afterEach(async () => {
    for (const site of sites.splice(0)) await site.close()
  })
  async function site(view: View, setup?: Setup): Promise<Site> {
    const made = await start(view, setup)
    sites.push(made)
    return made
  }
  const slowly = (answer: (n: number) => ReturnType<View>, ms = 40) => {
    let calls = 0
    return vi.fn<View>(async () => {
      const n = ++calls
      await pause(ms)
      return answer(n)
    })
  }
  const crowd = (url: string, size = 20) => Promise.all(Array.from({ length: size }, () => ask(`${url}/a`)))

  it.each([
    ['a HEAD', { method: 'HEAD' }],
    ['a request with no-store', { headers: { 'cache-control': 'no-store' } }],
  ])('rule 37: a cold page is one call of the handler for all, though %s came before', async (_, first) => {
    const view = slowly((n) => ({ body: `page ${n}` }))
    const { url } = await site(view)
    await ask(`${url}/a`, first)
    view.mockClear()
    const all = await crowd(url)
    expect(new Set(all.map(({ body }) => body)).size).toBe(1)
    expect(view).toHaveBeenCalledTimes(1)
  })

  it('rule 37: a handler that failed once is asked once by those who come after', async () => {
    const view = slowly((n) => (n === 1 ? { status: 503, body: 'busy' } : { body: `page ${n}` }))
    const { url } = await site(view)
    expect((await ask(`${url}/a`)).status).toBe(503)
    const all = await crowd(url)
    expect(new Set(all.map(({ body }) => body))).toEqual(new Set(['page 2']))
    expect(view).toHaveBeenCalledTimes(2)
  })

  it('rule 37: who waits for a handler that keeps failing does not wait for all the others to fail first', async () => {
    const view = slowly(() => {
      throw new Error('broken')
    }, 100)
    const { url } = await site(view)
    const begun = performance.now()
    const all = await crowd(url, 30)
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([500]))
    // One after the other it would take three seconds.
    expect(performance.now() - begun).toBeLessThan(1_500)
  })

  it.each([201, 302, 303, 307, 403, 500, 503])(
    'rule 6: the lifetime of the site is not for a %s, though such are stored; its own is',
    async (status) => {
      let n = 0
      const view: View = ({ url }) => ({
        status,
        body: `${++n}`,
        headers: { location: `/${n}`, ...(url === '/own' && { 'cache-control': 'max-age=60' }) },
      })
      const { url } = await site(view, { options: { statuses: [200, status] } })
      const places = []
      for (const path of ['/a', '/a', '/own', '/own']) {
        const got = await ask(`${url}${path}`)
        expect(got.status).toBe(status)
        places.push(got.headers.location)
      }
      expect(places).toEqual(['/1', '/2', '/3', '/3'])
    },
  )

  it.each([204, 301, 404, 410])(
    'rule 49: a stored %s is served as it was, with a body or none',
    async (status) => {
      let n = 0
      const body = status === 204 ? {} : { body: 'gone' }
      const view: View = () => ({ status, ...body, headers: { 'x-n': `${++n}` } })
      const { url } = await site(view, { options: { statuses: [200, status] } })
      const headers = { range: 'bytes=0-0', 'if-none-match': '"a"' }
      for (const more of [{}, {}, { headers }, { method: 'HEAD' }]) {
        const got = await ask(`${url}/a`, more)
        expect(got.status).toBe(status)
        expect(got.headers['x-n']).toBe('1')
        expect(got.headers['content-length']).toBe(status === 204 ? undefined : '4')
      }
    },
  )

  it('attack 10: a field of a request that is too long to be kept makes no variant', async () => {
    let n = 0
    const { url } = await site(() => ({ body: `${++n}`, headers: { vary: 'x-a, x-b' } }))
    // Node takes no more than 16 kB of fields by itself.
    const long = { 'x-a': 'a'.repeat(7_000), 'x-b': 'b'.repeat(7_000) }
    for (const body of ['1', '1']) expect((await ask(`${url}/a`, { headers: long })).body).toBe(body)
  })
})
