import { raw } from 'hono/html'
import { createContext, Fragment, type JSXNode, jsx, useContext } from 'hono/jsx'
import { describe, expect, it, vi } from 'vitest'
import { createCaches, memory, type Registry } from '../../src/index.ts'
import { type CacheProps, cacheTag } from '../../src/templates/hono-jsx.ts'
import { fragmentKey, watchRequest } from '../../src/templates/index.ts'
import type { TagOptions } from '../../src/templates/tag.ts'
import { dead, nextWarning, settled, slow, stage } from './kit.ts'

function engine(caches: Registry, tag: TagOptions = {}) {
  const Cache = cacheTag(caches, tag)
  const mark = vi.fn((props: { text: unknown }) => jsx('b', {}, `${props.text}`))
  return {
    mark,
    b: (text: unknown) => jsx(mark, { text }),
    cache: (props: Omit<CacheProps, 'children'>, ...children: JSXNode[] | [unknown]) =>
      jsx(Cache, { ...props }, ...(children as JSXNode[])),
  }
}

async function html(node: { toString(): string | Promise<string> }): Promise<string> {
  return String(await node.toString())
}

describe('hono jsx', () => {
  it('FRG-01 the component with ttl, name, what it varies on and using', async () => {
    const { caches } = stage()
    const { cache, b, mark } = engine(caches)
    const page = () =>
      jsx('div', {}, cache({ ttl: 500, name: 'side', varyOn: ['ann', 2], using: 'local' }, b('a&b')))
    for (let i = 0; i < 2; i++) expect(await html(page())).toBe('<div><b>a&amp;b</b></div>')
    expect(mark).toHaveBeenCalledTimes(1)
    expect(await caches.local.get(fragmentKey('side', ['ann', 2]))).toBe('<b>a&amp;b</b>')
  })

  it('children: text, numbers, lists, nothing, finished HTML, functions, async components', async () => {
    const { cache, b } = engine(stage().caches)
    const Later = async () => jsx('i', {}, 'later')
    const children = [
      '<',
      1,
      [b(2), null, false],
      raw('<u>&</u>'),
      () => '"',
      jsx(Later, {}),
      jsx(Fragment, {}, 'f'),
    ]
    for (let i = 0; i < 2; i++) {
      expect(await html(cache({ ttl: 500, name: 'all' }, children))).toBe(
        '&#60;1<b>2</b><u>&</u>&#34;<i>later</i>f',
      )
    }
  })

  it('A46 stored HTML is neither escaped nor evaluated again', async () => {
    const { cache } = engine(stage().caches)
    for (let i = 0; i < 2; i++) {
      expect(await html(jsx('p', {}, cache({ ttl: 500, name: 'f' }, raw('{7}&amp;<b>'))))).toBe(
        '<p>{7}&amp;<b></p>',
      )
    }
  })

  it('in loops, nested, over near and far caches', async () => {
    for (const backend of [memory(), slow()]) {
      const { cache, b, mark } = engine(createCaches({ default: { backend } }))
      const page = (xs: number[]) =>
        jsx(
          'ul',
          {},
          ...xs.map((x) =>
            cache(
              { ttl: 500, name: 'item', varyOn: [x] },
              jsx('li', {}, cache({ ttl: 500, name: 'in', varyOn: [x] }, b(x))),
            ),
          ),
        )
      expect(await html(page([1, 2]))).toBe('<ul><li><b>1</b></li><li><b>2</b></li></ul>')
      expect(await html(page([2, 1]))).toBe('<ul><li><b>2</b></li><li><b>1</b></li></ul>')
      expect(mark).toHaveBeenCalledTimes(2)
    }
  })

  it('says what was expected', async () => {
    const { cache } = engine(stage().caches)
    const wrong = (props: object) => html(cache(props as CacheProps, 'x'))
    await expect(wrong({ ttl: 500 })).rejects.toThrow(/<Cache>: .*at least 2 arguments/)
    await expect(wrong({ name: 'f' })).rejects.toThrow(/cache "f": the ttl must be a number .* not undefined/)
    await expect(wrong({ ttl: 5, name: 'f', using: 'nope' })).rejects.toThrow(/cache "f": using= .*"nope"/)
  })

  it('a stale fragment is served at once, and renewed', async () => {
    const { caches, clock } = stage()
    const { cache, b } = engine(caches, { staleFor: '1h' })
    const page = (version: number) => html(cache({ ttl: 10, name: 's' }, b(version)))
    await page(1)
    clock.advance(11_000)
    expect(await page(2)).toBe('<b>1</b>')
    await settled()
    expect(await page(3)).toBe('<b>2</b>')
  })

  it('a context provided around it is seen over a cache in memory', async () => {
    const { cache } = engine(stage().caches)
    const Theme = createContext('light')
    const Show = () => jsx('i', {}, useContext(Theme))
    expect(
      await html(jsx(Theme.Provider, { value: 'dark' }, cache({ ttl: 5, name: 'ctx' }, jsx(Show, {})))),
    ).toBe('<i>dark</i>')
  })

  it('FRG-13 renders once for 200 at once; a dead backend renders the body', async () => {
    const { cache, b, mark } = engine(createCaches({ default: { backend: slow() } }))
    const all = await Promise.all(
      Array.from({ length: 200 }, () => html(cache({ ttl: 500, name: 'f' }, b('x')))),
    )
    expect(new Set(all)).toEqual(new Set(['<b>x</b>']))
    expect(mark).toHaveBeenCalledTimes(1)
    const down = engine(createCaches({ default: { backend: dead() } }))
    expect(await html(down.cache({ ttl: 500, name: 'f' }, down.b('x')))).toBe('<b>x</b>')
  })

  it('A62 warns when a fragment that varies on nothing reads the user of a watched request', async () => {
    const { cache } = engine(stage().caches)
    const request = watchRequest({ user: { name: 'ann' } })
    const warning = nextWarning('FRAGMENT_READS_USER')
    await html(cache({ ttl: 5, name: 'jsx-hi' }, () => request.user.name))
    expect((await warning).message).toContain('"jsx-hi"')
  })
})
