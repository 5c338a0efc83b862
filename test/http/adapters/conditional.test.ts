/** Conditions of clients: `conditionalGet()` alone, and what a 304 goes out with, in every adapter. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ask } from './client.ts'
import { MOUNTS, type Setup, type Site, type View } from './mounts.ts'

vi.spyOn(process, 'emitWarning').mockImplementation(() => {})

/** The md5 of `hi`. */
const HI = '"49f68a5c8493ec2c0bf489821c21fc3b"'

describe.each(MOUNTS)('$name', ({ start, name }) => {
  const sites: Site[] = []
  afterEach(async () => {
    for (const site of sites.splice(0)) await site.close()
  })
  async function site(view: View, setup?: Setup): Promise<string> {
    const made = await start(view, setup)
    sites.push(made)
    return made.url
  }
  const fields = {
    etag: '"v1"',
    vary: 'X-A',
    'cache-control': 'max-age=60',
    'content-location': '/b',
    'last-modified': 'Sun, 17 Jul 2016 10:00:00 GMT',
    'content-language': 'en',
    'content-type': 'text/plain; charset=utf-8',
    'x-more': 'y',
  }
  const { 'content-language': _l, 'content-type': _t, 'x-more': _m, ...kept } = fields
  const dropped = ['content-language', 'content-type', 'content-length', 'x-more']

  it('rule 38, CND-06: a 304 has the same fields on the miss that makes the page and from the store', async () => {
    const url = await site(() => ({ body: 'page', headers: fields }))
    for (const turn of [1, 2]) {
      const got = await ask(`${url}/a`, { headers: { 'if-none-match': '"v1"' } })
      expect(got, `turn ${turn}`).toMatchObject({ status: 304, body: '', headers: kept })
      for (const field of dropped) expect(got.headers[field], field).toBeUndefined()
    }
    expect(await ask(`${url}/a`)).toMatchObject({ status: 200, body: 'page', headers: fields })
  })

  it('rule 38: a page sent in pieces is stored whole, whatever the one who made it was told', async () => {
    let n = 0
    const url = await site(() => ({ pieces: ['pa', 'ge', ` ${++n}`], headers: fields }))
    expect((await ask(`${url}/a`, { headers: { 'if-none-match': '"v1"' } })).status).toBe(304)
    expect((await ask(`${url}/a`)).body).toBe('page 1')
  })

  if (name === 'node, wrapped') return
  const doors = 'conditional'

  it('CND-02, CND-07: conditionalGet() adds the md5 of a body, and tells 304 for it, weakened too', async () => {
    // Express has tags of its own, which stay.
    const url = await site(() => ({ body: 'hi' }), { doors })
    const { etag } = (await ask(`${url}/a`)).headers
    if (!name.startsWith('express')) expect(etag).toBe(HI)
    for (const tag of [etag!, `W/${etag!.replace('W/', '')}`, `"x", ${etag}`, '*']) {
      const got = await ask(`${url}/a`, { headers: { 'if-none-match': tag } })
      expect(got, tag).toMatchObject({ status: 304, body: '' })
    }
    expect((await ask(`${url}/a`, { headers: { 'if-none-match': '"x"' } })).body).toBe('hi')
  })

  it('CND-06: of the response it keeps what says which page it is, and its cookies', async () => {
    const url = await site(() => ({ body: 'hi', headers: { ...fields, 'set-cookie': ['a=1', 'b=2'] } }), {
      doors,
    })
    const got = await ask(`${url}/a`, { headers: { 'if-none-match': '"v1"' } })
    expect(got).toMatchObject({ status: 304, headers: { ...kept, 'set-cookie': ['a=1', 'b=2'] } })
    for (const field of dropped) expect(got.headers[field], field).toBeUndefined()
  })

  it('CND-02: it adds none to an empty body, to what nobody may store and to what comes in pieces', async () => {
    if (name.startsWith('express')) return
    const url = await site(
      ({ url: path }) => {
        if (path === '/empty') return { body: '' }
        if (path === '/private') return { body: 'hi', headers: { 'cache-control': 'private, NO-STORE' } }
        return {
          pieces: (async function* () {
            yield 'h'
            await new Promise((resolve) => setTimeout(resolve, 20))
            yield 'i'
          })(),
        }
      },
      { doors },
    )
    for (const [path, body] of [
      ['/empty', ''],
      ['/private', 'hi'],
      ['/pieces', 'hi'],
    ]) {
      const got = await ask(`${url}${path}`)
      expect(got.headers.etag, path).toBeUndefined()
      expect(got.body).toBe(body)
    }
  })

  it('CND-04: 412 where the client asked for another page', async () => {
    const url = await site(() => ({ body: 'hi', headers: fields }), { doors })
    const since = 'if-unmodified-since'
    for (const [headers, status] of [
      [{ 'if-match': '"v2"' }, 412],
      [{ 'if-match': '"v1"' }, 200],
      [{ 'if-match': '*' }, 200],
      [{ 'if-match': 'W/"v1"' }, 412],
      [{ [since]: 'Sun, 17 Jul 2016 09:00:00 GMT' }, 412],
      [{ [since]: 'Sun, 17 Jul 2016 11:00:00 GMT' }, 200],
      [{ 'if-modified-since': 'Sun, 17 Jul 2016 10:00:00 GMT' }, 304],
      [{ 'if-modified-since': 'Sun, 17 Jul 2016 09:59:59 GMT' }, 200],
      [{ 'if-modified-since': 'last week' }, 200],
    ] as const) {
      expect((await ask(`${url}/a`, { headers })).status, JSON.stringify(headers)).toBe(status)
    }
  })
})
