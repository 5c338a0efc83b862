import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createCaches, memory } from '../../src/index.ts'
import { cacheFragment, cacheFragmentSync, fragmentKey, watchRequest } from '../../src/templates/index.ts'
import { dead, nextWarning, settled, slow, stage } from './kit.ts'

describe('fragmentKey', () => {
  it('FRG-10 gives the digests that Django gives for strings and numbers', () => {
    const vectors: [string, unknown[], string][] = [
      ['foo', ['abc'], 'a6360ec2c58ecc4b23fd5bd00216fccd'],
      ['bar', ['abc', 'def'], '250310c146db454966b64f5fc265a540'],
      ['spam', ['abc:def%'], 'bf6c24ef2576004284e0522c15314d8c'],
      ['foo', [1, 2, 3, 4, 5], '087c006c1b99e0d147f624b4921f8a13'],
      ['foo', ['42º', '😀'], 'ab66482052ab2084b9d25bdd04bc9b10'],
      ['foo', ['x'.repeat(10_000)], 'abff8a6702abde497feae7f61de2ef1e'],
    ]
    for (const [name, varyOn, digest] of vectors) {
      expect(fragmentKey(name, varyOn)).toBe(`template.cache.${name}.${digest}`)
    }
  })

  it('FRG-08 no arguments, null and an empty list are the same', () => {
    const key = 'template.cache.foo.d41d8cd98f00b204e9800998ecf8427e'
    expect([fragmentKey('foo'), fragmentKey('foo', null), fragmentKey('foo', [])]).toEqual([key, key, key])
  })

  it('FRG-07 arguments never run together, whatever is in them', () => {
    expect(fragmentKey('f', ['a:b', 'c'])).not.toBe(fragmentKey('f', ['a', 'b:c']))
    expect(fragmentKey('f', ['ab'])).not.toBe(fragmentKey('f', ['a', 'b']))
    expect(fragmentKey('f', ['1:a,1:b,'])).not.toBe(fragmentKey('f', ['a', 'b']))
    expect(fragmentKey('f', [['a', 'b']])).not.toBe(fragmentKey('f', ['a,b']))
    expect(fragmentKey('f', [['a'], 'b'])).not.toBe(fragmentKey('f', [['a', 'b']]))
    expect(fragmentKey('f', [''])).not.toBe(fragmentKey('f', []))
    expect(fragmentKey('f', ['\ud800'])).not.toBe(fragmentKey('f', ['\ud801']))
  })

  it('FRG-09 absent differs from empty and from every text', () => {
    const keys = [
      null,
      undefined,
      '',
      'null',
      'undefined',
      'null,',
      'None',
      [],
      [null],
      'utf16:00d8,',
      '\ud800',
    ].map((one) => fragmentKey('f', [one]))
    expect(new Set(keys).size).toBe(keys.length)
  })

  it('FRG-07 no two lists of texts, nulls and lists have one key', () => {
    const argument = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        fc.string({ unit: 'binary', maxLength: 4 }),
        fc.constantFrom(null, undefined, ':', ',', '[', ']', '1:', 'null,', '\ud800', '\udfff'),
        fc.array(tie('any'), { maxLength: 3 }),
      ),
    })).any
    const list = fc.array(argument, { maxLength: 4 })
    fc.assert(
      fc.property(list, list, (one, two) => {
        const same = JSON.stringify(one, mark) === JSON.stringify(two, mark)
        expect(fragmentKey('f', one) === fragmentKey('f', two)).toBe(same)
      }),
      { numRuns: 2_000 },
    )
    function mark(_: string, value: unknown) {
      return value === undefined ? { undefined: true } : value
    }
  })

  it('counts by String(x): a number as its digits, a Date as its instant, an object as its own text', () => {
    expect(fragmentKey('f', [1])).toBe(fragmentKey('f', ['1']))
    expect(fragmentKey('f', [true, 5n])).toBe(fragmentKey('f', ['true', '5']))
    expect(fragmentKey('f', [new Date(1)])).not.toBe(fragmentKey('f', [new Date(2)]))
    expect(fragmentKey('f', [new URL('http://a/')])).toBe(fragmentKey('f', ['http://a/']))
  })

  it('refuses what is the same text for everyone, without showing it', () => {
    for (const bad of [{ id: 1 }, new Map(), () => 1, Symbol('x'), Object.create(null)]) {
      expect(() => fragmentKey('f', ['a', bad])).toThrow(TypeError)
    }
    expect(() => fragmentKey('f', ['a', { secret: 'xyzzy' }])).toThrow(/argument 2 .* such as user.id/)
    expect(() => fragmentKey('f', JSON.parse('"ab"'))).toThrow(/must be a list/)
    for (const bad of ['', undefined, 5]) {
      expect(() => fragmentKey(bad as string)).toThrow(
        expect.objectContaining({ code: 'INVALID_FRAGMENT_NAME' }),
      )
    }
  })
})

describe('cacheFragment', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it('renders once and then serves what it kept, under the key that fragmentKey says', async () => {
    const { caches, clock } = stage()
    const render = vi.fn(() => '<b>1</b>')
    const show = () => cacheFragment(caches, 'side', render, { ttl: 500, varyOn: ['ann'] })
    expect([await show(), await show()]).toEqual(['<b>1</b>', '<b>1</b>'])
    expect(await caches.default.get(fragmentKey('side', ['ann']))).toBe('<b>1</b>')
    clock.advance(500_000)
    await show()
    expect(render).toHaveBeenCalledTimes(2)
    await caches.default.delete(fragmentKey('side', ['ann']))
    await show()
    expect(render).toHaveBeenCalledTimes(3)
  })

  it('FRG-06 an empty rendering is kept', async () => {
    const { caches } = stage()
    const render = vi.fn(() => '')
    for (let i = 0; i < 2; i++) expect(await cacheFragment(caches, 'e', render)).toBe('')
    expect(render).toHaveBeenCalledTimes(1)
  })

  it('FRG-05 rests in template_fragments where that is configured, else in default, or where using says', async () => {
    const caches = createCaches({
      default: { backend: memory() },
      template_fragments: { backend: memory() },
      other: { backend: memory() },
    })
    await cacheFragment(caches, 'a', () => 'x')
    await cacheFragment(caches, 'b', () => 'x', { using: 'other' })
    expect(await caches.template_fragments.has(fragmentKey('a'))).toBe(true)
    expect(await caches.default.has(fragmentKey('a'))).toBe(false)
    expect(await caches.other.has(fragmentKey('b'))).toBe(true)
    const { caches: plain } = stage()
    await cacheFragment(plain, 'a', () => 'x')
    expect(await plain.default.has(fragmentKey('a'))).toBe(true)
  })

  it('FRG-04 an alias that is not configured is an error, by rejecting', async () => {
    const { caches } = stage()
    await expect(cacheFragment(caches, 'a', () => 'x', { using: 'nope' })).rejects.toThrow(
      /"nope" is not configured/,
    )
    const wrong = JSON.parse('{"usin":"local"}')
    await expect(cacheFragment(caches, 'a', () => 'x', wrong)).rejects.toThrow(/did you mean "using"/)
  })

  it('FRG-03 a ttl of 0 or less renders and keeps nothing, null keeps for ever', async () => {
    const { caches, clock } = stage()
    const render = vi.fn(() => 'x')
    for (const ttl of [0, -1, 0]) await cacheFragment(caches, 'z', render, ttl)
    expect(render).toHaveBeenCalledTimes(3)
    await cacheFragment(caches, 'z', render, null)
    clock.advance(1e12)
    await cacheFragment(caches, 'z', render, null)
    expect(render).toHaveBeenCalledTimes(4)
  })

  it('FRG-13 renders once for 200 who ask at once, near or far', async () => {
    for (const backend of [memory(), slow()]) {
      const caches = createCaches({ default: { backend } })
      const render = vi.fn(async () => {
        await new Promise(setImmediate)
        return 'x'
      })
      const all = await Promise.all(
        Array.from({ length: 200 }, () => cacheFragment(caches, 'crowd', render, 60)),
      )
      expect(new Set(all)).toEqual(new Set(['x']))
      expect(render).toHaveBeenCalledTimes(1)
    }
  })

  it('serves the stale one at once, while one new one is rendered behind', async () => {
    const { caches, clock } = stage()
    let version = 1
    const show = () => cacheFragment(caches, 's', () => `v${version}`, { ttl: 10, staleFor: 60 })
    await show()
    clock.advance(11_000)
    version = 2
    expect(await show()).toBe('v1')
    await settled()
    expect(await show()).toBe('v2')
  })

  it('a dead backend renders the body', async () => {
    const caches = createCaches({ default: { backend: dead(), outageHold: 0 } })
    expect(await cacheFragment(caches, 'd', () => 'alive', 60)).toBe('alive')
  })

  it('hands on what the body throws, and refuses a body that is no text', async () => {
    const { caches } = stage()
    const own = new Error('mine')
    await expect(cacheFragment(caches, 't', () => Promise.reject(own))).rejects.toBe(own)
    const nothing = JSON.parse('{"f":null}')
    await expect(cacheFragment(caches, 't', () => nothing.f)).rejects.toMatchObject({ code: 'FRAGMENT_BODY' })
    expect(await caches.default.has(fragmentKey('t'))).toBe(false)
  })

  it('A46 a name with a path or with braces is text and nothing else', async () => {
    const { caches } = stage()
    for (const name of ['../../etc/passwd', '{{ 7*7 }}', 'C:\\x', '<%= 1 %>']) {
      expect(fragmentKey(name)).toBe(`template.cache.${name}.${createHash('md5').digest('hex')}`)
      expect(await cacheFragment(caches, name, () => '{{ 7*7 }}<%= 1 %>')).toBe('{{ 7*7 }}<%= 1 %>')
      expect(await cacheFragment(caches, name, () => 'other')).toBe('{{ 7*7 }}<%= 1 %>')
    }
  })

  it('answers in the same turn on backends that can, and says which cannot', async () => {
    const { caches } = stage()
    expect(cacheFragmentSync(caches, 'now', () => 'x', 60)).toBe('x')
    expect(cacheFragmentSync(caches, 'now', () => 'y', 60)).toBe('x')
    expect(await cacheFragment(caches, 'now', () => 'z')).toBe('x')
    const far = createCaches({ default: { backend: slow() } })
    expect(() => cacheFragmentSync(far, 'now', () => 'x')).toThrow(
      /"default" cannot answer within a synchronous render/,
    )
  })

  it('A62 warns once in development when a fragment that varies on nothing reads the visitor', async () => {
    const { caches } = stage()
    const plain = { url: '/', user: { name: 'ann' } }
    const request = watchRequest(plain)
    const warning = nextWarning('FRAGMENT_READS_USER')
    await cacheFragment(caches, 'greeting', () => `Hi ${request.user.name}`)
    expect((await warning).message).toMatch(
      /"greeting" varies on nothing, but its body read the visitor's user/,
    )
  })

  it('A62 says nothing of a fragment that varies, reads nothing personal, or in production', async () => {
    const { caches } = stage()
    const heard = vi.fn()
    process.on('warning', heard)
    const plain = { url: '/', user: { name: 'ann' } }
    const request = watchRequest(plain)
    await cacheFragment(caches, 'quiet1', () => request.user.name, { varyOn: [request.user.name] })
    await cacheFragment(caches, 'quiet2', () => request.url)
    vi.stubEnv('NODE_ENV', 'production')
    expect(watchRequest(plain)).toBe(plain)
    await cacheFragment(caches, 'quiet3', () => request.user.name)
    await settled()
    process.off('warning', heard)
    expect(heard).not.toHaveBeenCalled()
  })

  it('a watched request is the request: own functions, private fields, what is set later', () => {
    const request = watchRequest(new Request('http://a/b', { headers: { 'x-a': '1' } }))
    expect([request.url, request.headers.get('x-a'), request.clone().url]).toEqual([
      'http://a/b',
      '1',
      'http://a/b',
    ])
    expect(request instanceof Request).toBe(true)
  })
})
