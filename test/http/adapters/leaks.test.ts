/**
 * The leak battery: an attacker's or another visitor's request first, the victim's after, with default
 * settings, in every framework.
 */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ask, isHit } from './client.ts'
import { type Answer, type Asked, MOUNTS, type Setup, type Site } from './mounts.ts'

vi.spyOn(process, 'emitWarning').mockImplementation(() => {})

describe.each(MOUNTS)('$name', ({ start }) => {
  const sites: Site[] = []
  afterEach(async () => {
    for (const site of sites.splice(0)) await site.close()
  })
  async function site(answer: (asked: Asked, n: number) => Answer, setup?: Setup): Promise<string> {
    let n = 0
    const made = await start((asked) => answer(asked, ++n), setup)
    sites.push(made)
    return made.url
  }
  const counted = (_: Asked, n: number): Answer => ({ body: `${n}` })
  const counting = (headers: Answer['headers'] & object) => (_: Asked, n: number) => ({
    body: `${n}`,
    headers,
  })

  it.each([
    ['its own lifetime', { 'cache-control': 'public, max-age=60' }],
    ['none', {}],
  ])(
    'A51 CVE-2026-35192 CVE-2023-30861 CVE-2022-24894 a page that sets a cookie, with %s, is nobody else’s',
    async (_, more) => {
      const url = await site((_asked, n) => ({
        body: `${n}`,
        headers: { ...more, 'set-cookie': `sid=${n}` },
      }))
      await ask(`${url}/a`)
      const second = await ask(`${url}/a`)
      expect(second.body).toBe('2')
      expect(second.headers['set-cookie']).toEqual(['sid=2'])
    },
  )

  it('A52 CVE-2026-35193 what a visitor with Authorization gets is nobody else’s', async () => {
    const url = await site((asked) => ({ body: `for ${asked.header('authorization')}` }))
    for (const authorization of ['Basic a', undefined, 'Basic b', undefined]) {
      const headers = authorization === undefined ? {} : { authorization }
      expect((await ask(`${url}/a`, { headers })).body).toBe(`for ${authorization}`)
    }
  })

  it('A52 nor is it shared where the handler never looks at it, unless the response says so', async () => {
    const url = await site(counted)
    await ask(`${url}/a`, { headers: { authorization: 'Basic a' } })
    expect((await ask(`${url}/a`)).body).toBe('2')
    expect((await ask(`${url}/a`, { headers: { authorization: 'Basic a' } })).body).toBe('3')
  })

  it('A53 CVE-2026-48588 a page that read the cookies is for those without any, and for nobody else', async () => {
    const url = await site((asked) => ({ body: `hello ${asked.header('cookie') ?? 'stranger'}` }))
    for (const cookie of ['user=ann', 'user=bob', undefined, 'user=bob']) {
      const headers = cookie === undefined ? {} : { cookie }
      expect((await ask(`${url}/a`, { headers })).body).toBe(`hello ${cookie ?? 'stranger'}`)
    }
    expect(isHit(await ask(`${url}/a`))).toBe(true)
  })

  it('A53 reading all fields at once counts as reading the cookie', async () => {
    const url = await site((asked) => ({ body: asked.headers().cookie ?? 'none' }))
    expect((await ask(`${url}/a`)).body).toBe('none')
    expect((await ask(`${url}/a`, { headers: { cookie: 'user=ann' } })).body).toBe('user=ann')
    expect((await ask(`${url}/a`)).body).toBe('none')
  })

  it('a page that read no cookie is everyone’s, whatever cookies they carry', async () => {
    const url = await site(counted)
    await ask(`${url}/a`, { headers: { cookie: 'user=ann' } })
    expect((await ask(`${url}/a`, { headers: { cookie: 'user=bob' } })).body).toBe('1')
    expect((await ask(`${url}/a`)).body).toBe('1')
  })

  it.each([
    'private',
    'PRIVATE',
    'No-Store',
    'max-age=60 , \tno-cache',
    'private=""',
    'max-age=60, private="set-cookie"',
    'private=" authorization"',
    'max-age=60, no-cache="a',
    'public; private',
    `${'x,'.repeat(5000)} no-store`,
  ])('A54 CVE-2026-8404 CVE-2026-9678 CVE-2026-13697 CVE-2026-24472 %.30s is not stored', async (value) => {
    const url = await site(counting({ 'cache-control': value }))
    expect((await ask(`${url}/a`)).status).toBe(200)
    expect((await ask(`${url}/a`)).body).toBe('2')
  })

  it.each(['*', ' * ', 'Accept, *'])(
    'A55 CVE-2026-6907 CVE-2026-48587 Vary "%s" is not stored',
    async (vary) => {
      const url = await site(counting({ vary }))
      await ask(`${url}/a`)
      expect((await ask(`${url}/a`)).body).toBe('2')
    },
  )

  it('A55 CVE-2026-44457 Vary: Cookie tells visitors apart', async () => {
    const url = await site((asked, n) => ({
      body: `${n} ${asked.header('cookie')}`,
      headers: { vary: 'cookie ' },
    }))
    expect((await ask(`${url}/a`, { headers: { cookie: 'a=1' } })).body).toBe('1 a=1')
    expect((await ask(`${url}/a`, { headers: { cookie: 'a=2' } })).body).toBe('2 a=2')
    expect((await ask(`${url}/a`, { headers: { cookie: 'a=1' } })).body).toBe('1 a=1')
  })

  it('A56 CVE-2026-113593 an absent field is not an empty one', async () => {
    const url = await site(counting({ vary: 'X-User' }))
    await ask(`${url}/a`)
    expect((await ask(`${url}/a`, { headers: { 'x-user': '' } })).body).toBe('2')
    expect((await ask(`${url}/a`)).body).toBe('1')
  })

  it('A57 CVE-2025-71381 a field that an attacker multiplies leaves at most maxVariants pages, and the plain one stays', async () => {
    const url = await site(counting({ vary: 'User-Agent' }), { options: { maxVariants: 4 } })
    await ask(`${url}/a`)
    for (let i = 0; i < 20; i++) await ask(`${url}/a`, { headers: { 'user-agent': `bot ${i}` } })
    expect((await ask(`${url}/a`)).body).toBe('1')
    expect(isHit(await ask(`${url}/a`, { headers: { 'user-agent': 'bot 19' } }))).toBe(true)
    expect(isHit(await ask(`${url}/a`, { headers: { 'user-agent': 'bot 0' } }))).toBe(false)
  })

  it.each(['/account/x.css', '/account;x.css', '/account%2fx.css', '/account%00.css', '/account?x.css'])(
    'A58 deception: what is private stays so at %s',
    async (path) => {
      const headers = { 'cache-control': 'private' }
      const url = await site((asked) => ({ body: `for ${asked.header('cookie')}`, headers }))
      await ask(url, { path, headers: { cookie: 'user=ann' } })
      expect((await ask(url, { path })).body).not.toContain('ann')
    },
  )

  it('A60 CVE-2014-0473 a page with a nonce in its policy is not stored', async () => {
    const url = await site(counting({ 'content-security-policy': "script-src 'nonce-abc'" }))
    await ask(`${url}/a`)
    expect((await ask(`${url}/a`)).body).toBe('2')
  })

  it('A61 A74 CVE-2021-23336 layercache 109 the query is keyed byte for byte', async () => {
    const url = await site((asked) => ({ body: asked.url }))
    for (const path of ['/a?t=1', '/a?t=2', '/a?a=1;t=2', '/a?a=1&t=2', '/a?%61=1', '/a', '/A', '/a/']) {
      expect((await ask(url, { path })).body).toBe(path)
    }
  })

  it.each([
    'x-forwarded-host',
    'x-forwarded-proto',
    'x-forwarded-scheme',
    'x-forwarded-port',
    'x-forwarded-prefix',
    'forwarded',
    'x-original-url',
    'x-rewrite-url',
    'x-host',
  ])(
    'A72 CVE-2024-46982 CVE-2025-32421 GHSA-3g8h-86w9-wvmq what %s produced is nobody else’s',
    async (name) => {
      const url = await site((asked) => ({ body: `<script src="//${asked.header(name) ?? 'us'}/x.js">` }))
      expect((await ask(`${url}/a`, { headers: { [name]: 'evil' } })).body).toContain('evil')
      expect((await ask(`${url}/a`)).body).toContain('us')
    },
  )

  it('A71 A75 CVE-2011-4139 every host has pages of its own', async () => {
    const url = await site((asked) => ({ body: `at ${asked.header('host')}` }))
    for (const host of ['evil.test', 'good.test', 'good.test.', 'good.test:1']) {
      expect((await ask(`${url}/a`, { headers: { host } })).body).toBe(`at ${host}`)
    }
  })

  it.each(['x-http-method-override', 'x-method-override'])('A73 %s passes by', async (name) => {
    const url = await site(counted)
    await ask(`${url}/a`, { headers: { [name]: 'DELETE' } })
    expect((await ask(`${url}/a`)).body).toBe('2')
  })

  it.each([400, 404, 405, 431, 500, 503])('A76 a %s is not stored', async (status) => {
    const url = await site((_, n) => ({ status: n === 1 ? status : 200, body: `${n}` }))
    expect((await ask(`${url}/a`)).status).toBe(status)
    expect(await ask(`${url}/a`)).toMatchObject({ status: 200, body: '2' })
  })

  it('A77 a client cannot make the handler work for a stored page', async () => {
    const url = await site(counted)
    await ask(`${url}/a`)
    const headers = { 'cache-control': 'no-cache, max-age=0', pragma: 'no-cache' }
    expect((await ask(`${url}/a`, { headers })).body).toBe('1')
  })

  it('A79 a range first does not make one byte the page', async () => {
    const url = await site(() => ({ body: '0123456789' }))
    await ask(`${url}/a`, { headers: { range: 'bytes=0-0' } })
    expect((await ask(`${url}/a`)).body).toBe('0123456789')
  })

  it('A80 a 304 for one visitor is not the page of another', async () => {
    const url = await site(() => ({ body: 'page', headers: { etag: '"v1"' } }))
    await ask(`${url}/a`, { headers: { 'if-none-match': '*' } })
    expect(await ask(`${url}/a`)).toMatchObject({ status: 200, body: 'page' })
  })

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])(
    'A85 CVE-2026-85008 %s is neither stored nor answered from the store',
    async (method) => {
      const url = await site((asked, n) => ({ body: `${asked.method} ${n}` }))
      await ask(`${url}/a`, { method })
      expect((await ask(`${url}/a`)).body).toBe('GET 2')
      expect((await ask(`${url}/a`, { method })).body).toBe(`${method} 3`)
    },
  )

  it('A87 CVE-2026-109829 a redirect is not stored', async () => {
    const url = await site((_, n) => ({ status: 302, headers: { location: `/${n}` } }))
    await ask(`${url}/a`)
    expect((await ask(`${url}/a`)).headers.location).toBe('/2')
  })

  it('A88 Cache-Status tells neither keys nor reasons unless asked', async () => {
    const url = await site(counted, { options: { cacheStatus: true } })
    const [miss, hit] = [await ask(`${url}/secret`), await ask(`${url}/secret`)]
    expect(miss.headers['cache-status']).toMatch(/^stillwarm; fwd=uri-miss; ttl=\d+$/)
    expect(hit.headers['cache-status']).toMatch(/^stillwarm; hit; ttl=\d+$/)
  })

  it('CVE-2014-1418 the Vary and Cache-Control of a page stay on every answer, whatever the browser', async () => {
    const headers = { vary: 'X-A', 'cache-control': 'max-age=60' }
    const url = await site(counting(headers))
    for (const agent of ['Mozilla/4.0 (compatible; MSIE 6.0)', 'curl/8']) {
      expect((await ask(`${url}/a`, { headers: { 'user-agent': agent } })).headers).toMatchObject(headers)
    }
  })

  it('CVE-2026-41322 a malformed If-Match goes to the handler, and its error is not the page', async () => {
    const url = await site((asked, n) => ({ status: asked.header('if-match') ? 500 : 200, body: `${n}` }))
    expect((await ask(`${url}/a`, { headers: { 'if-match': '"' } })).status).toBe(500)
    expect(await ask(`${url}/a`)).toMatchObject({ status: 200, body: '2' })
    expect((await ask(`${url}/a`, { headers: { 'if-match': '"' } })).status).toBe(500)
  })

  it('CVE-2025-49826 an empty 204 does not become the page', async () => {
    const url = await site((_, n) => (n === 1 ? { status: 204 } : { body: `${n}` }))
    expect((await ask(`${url}/a`)).status).toBe(204)
    expect(await ask(`${url}/a`)).toMatchObject({ status: 200, body: '2' })
  })

  it('CVE-2026-94543 pages made at the same time do not change places', async () => {
    const url = await site((asked) => ({ body: `at ${asked.url}`, headers: { 'x-url': asked.url } }))
    const paths = Array.from({ length: 20 }, (_, i) => `/p${i}`)
    for (const turn of [1, 2]) {
      const all = await Promise.all(paths.map((path) => ask(`${url}${path}`)))
      expect(
        all.map(({ body, headers }) => [body, headers['x-url']]),
        `turn ${turn}`,
      ).toEqual(paths.map((path) => [`at ${path}`, path]))
    }
  })

  it('CVE-2026-94544 GHSA-wm8w-6qjm-cv43 one who is let in and one who is not, at the same time, do not share an answer', async () => {
    const url = await site((asked) => {
      const who = asked.header('cookie')
      return who ? { body: `secret of ${who}` } : { status: 403, body: 'no' }
    })
    const visitors = ['user=ann', undefined, 'user=bob', undefined]
    for (const turn of [1, 2]) {
      const all = await Promise.all(
        visitors.map((cookie) => ask(`${url}/a`, { headers: cookie ? { cookie } : {} })),
      )
      expect(
        all.map(({ body }) => body),
        `turn ${turn}`,
      ).toEqual(visitors.map((who) => (who ? `secret of ${who}` : 'no')))
    }
  })

  it('CVE-2026-116630 a 304 to one host’s page brings no other host’s up to date', async () => {
    const url = await site(
      (asked, n): Answer =>
        asked.header('if-none-match')
          ? { status: 304, headers: { etag: '"1"', 'x-new': 'yes' } }
          : { body: `${n}`, headers: { etag: '"1"', 'cache-control': 'max-age=60' } },
    )
    for (const host of ['a.test', 'b.test']) await ask(`${url}/a`, { headers: { host } })
    await ask(`${url}/a`, {
      headers: { host: 'a.test', 'if-none-match': '"1"', 'cache-control': 'no-cache' },
    })
    expect((await ask(`${url}/a`, { headers: { host: 'b.test' } })).headers['x-new']).toBeUndefined()
  })

  it('A81 a coding nobody asked for is not sent from the store', async () => {
    const url = await site((asked) => {
      const zipped = /gzip(?!;q=0)/.test(asked.header('accept-encoding') ?? '')
      return { body: zipped ? 'zipped' : 'plain', headers: { vary: 'Accept-Encoding' } }
    })
    for (const [accepts, body] of [
      ['gzip', 'zipped'],
      ['gzip;q=0', 'plain'],
      ['br', 'plain'],
      ['identity;q=0, gzip', 'zipped'],
    ]) {
      expect((await ask(`${url}/a`, { headers: { 'accept-encoding': accepts } })).body, accepts).toBe(body)
    }
  })

  it('A86 ten thousand queries leave at most maxEntries pages', async () => {
    const { memory } = await import('../../../src/backends/memory.ts')
    const backend = memory({ maxEntries: 50 })
    const url = await site(counted, { backend })
    for (let i = 0; i < 120; i++) await ask(`${url}/a?${i}`)
    expect(backend.size?.()).toMatchObject({ entries: 50 })
  })

  it('A86 attack 24: with queryNames only the arguments that the site has make pages', async () => {
    const url = await site((asked, n) => ({ body: `${asked.url} ${n}` }), {
      options: { queryNames: ['page', 'sort'] },
    })
    for (const path of ['/a', '/a?page=1', '/a?sort=up&page=1', '/a?page']) {
      await ask(url, { path })
      expect(isHit(await ask(url, { path })), path).toBe(true)
    }
    for (const path of [
      '/a?x=1',
      '/a?page=1&x',
      '/a?page=1&page=1',
      '/a?%70age=1',
      '/a?page=1&&',
      '/a?page=1;x=2&y',
    ]) {
      await ask(url, { path })
      expect(isHit(await ask(url, { path })), path).toBe(false)
    }
  })

  it('A89 no field of a request purges or refreshes anything', async () => {
    const url = await site(counted)
    await ask(`${url}/a`)
    const headers = { 'x-cache-purge': '1', 'cache-group-invalidation': '"a"', 'surrogate-key': 'a' }
    expect((await ask(`${url}/a`, { headers })).body).toBe('1')
  })
})
