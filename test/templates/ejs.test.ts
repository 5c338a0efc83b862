import ejs from 'ejs'
import { describe, expect, it, vi } from 'vitest'
import { createCaches, memory, type Registry } from '../../src/index.ts'
import { cacheTag } from '../../src/templates/ejs.ts'
import { fragmentKey, watchRequest } from '../../src/templates/index.ts'
import type { TagOptions } from '../../src/templates/tag.ts'
import { dead, nextWarning, settled, slow, stage } from './kit.ts'

function engine(caches: Registry, templates: Record<string, string> = {}, tag: TagOptions = {}) {
  const mark = vi.fn((text: unknown) => `${text}`)
  const cache = cacheTag(caches, tag)
  const includer = (name: string) => ({ template: templates[name] ?? 'no such template' })
  return {
    mark,
    render: (source: string, data: object = {}) =>
      ejs.render(source, { cache, mark, ...data }, { async: true, includer, filename: 'page.ejs' }),
    renderSync: (source: string, data: object = {}) =>
      ejs.render(source, { cache, mark, ...data }, { includer, filename: 'page.ejs' }),
  }
}

describe('ejs', () => {
  it('FRG-01 around a partial, with ttl, name, what it varies on and using', async () => {
    const { caches } = stage()
    const { render, mark } = engine(caches, { side: '<b><%= mark(user.name) %></b>' })
    const page = `<%- await cache(500, 'side', user.name.toUpperCase(), 2, { using: 'local' }, () => include('side')) %>`
    for (let i = 0; i < 2; i++) expect(await render(page, { user: { name: 'a&b' } })).toBe('<b>a&amp;b</b>')
    expect(mark).toHaveBeenCalledTimes(1)
    expect(await caches.local.get(fragmentKey('side', ['A&B', 2]))).toBe('<b>a&amp;b</b>')
  })

  it('FRG-03 the ttl is a number, a duration, digits, or null for ever; 0 keeps nothing', async () => {
    const { caches, clock } = stage()
    const { render, mark } = engine(caches)
    const show = (ttl: string, name: string) => render(`<%- await cache(${ttl}, '${name}', () => mark(1)) %>`)
    for (const [i, ttl] of ['500', '"15m"', '"40"', 'null'].entries()) {
      await show(ttl, `f${i}`)
      await show(ttl, `f${i}`)
      expect(mark).toHaveBeenCalledTimes(i + 1)
    }
    clock.advance(1e10)
    await show('null', 'f3')
    expect(mark).toHaveBeenCalledTimes(4)
    for (let i = 0; i < 2; i++) await show('0', 'f')
    expect(mark).toHaveBeenCalledTimes(6)
  })

  it('errors name the template, the line and what was expected', async () => {
    const { caches } = stage()
    const { render, renderSync } = engine(caches, { side: 'x' })
    const faults: [string, RegExp][] = [
      ['await cache()', /page\.ejs:2.*requires at least 2 arguments/s],
      ['await cache(500, () => "x")', /page\.ejs:2.*requires at least 2 arguments/s],
      ['await cache(500, "f")', /page\.ejs:2.*a function that renders the body/s],
      ['await cache(500, "f", { using: "local" }, user, () => "x")', /page\.ejs:2.*vary argument 1/s],
      [
        'await cache(500, "f", { using: "nope" }, () => "x")',
        /page\.ejs:2.*using= must be the name of a cache, not "nope"/s,
      ],
      [
        'await cache(undefined, "f", () => "x")',
        /page\.ejs:2.*the ttl must be a number of seconds, .*not undefined/s,
      ],
      ['await cache("soon", "f", () => "x")', /the ttl .* not another string/s],
      ['await cache(500, "f", () => {})', /the body must give its HTML as a string, not undefined/],
      ['cache(500, "g", () => "x")', /page\.ejs:2.*cache\(\) answers later: write <%- await cache/s],
    ]
    for (const [call, message] of faults) {
      await expect(render(`\n<%- ${call} %>`, { user: 1 }), call).rejects.toThrow(message)
    }
    const inline = '<% const html = await cache(500, "f", () => { %>inline<% }) %><%- html %>'
    await expect(render(inline)).rejects.toThrow(/the body must give its HTML as a string, not undefined/)
    expect(() => renderSync('\n<%- cache(500, "h", () => "x") %>')).toThrow(/page\.ejs:2.*answers later/s)
  })

  it('in loops, nested, stale ones renewed with the variables of their place', async () => {
    for (const backend of [memory(), slow()]) {
      const { clock } = stage()
      const caches = createCaches({ default: { backend } }, { clock })
      const { render } = engine(
        caches,
        {
          item: `[<%= x %><%- await cache(500, 'in', x, () => include('inner', { x })) %>:<%= version %>]`,
          inner: '<<%= x %>>',
        },
        { staleFor: '1h' },
      )
      const page = `<% for (const x of xs) { %><%- await cache(10, 'item', x, () => include('item', { x })) %><% } %>`
      expect(await render(page, { xs: [1, 2], version: 1 })).toBe('[1<1>:1][2<2>:1]')
      clock.advance(11_000)
      expect(await render(page, { xs: [2, 1], version: 2 })).toBe('[2<2>:1][1<1>:1]')
      await settled()
      expect(await render(page, { xs: [1, 2], version: 3 })).toBe('[1<1>:2][2<2>:2]')
    }
  })

  it('A46 is neither escaped nor evaluated again', async () => {
    const { render } = engine(stage().caches)
    const page = `<%- await cache(500, 'f', () => text) %>`
    for (let i = 0; i < 2; i++)
      expect(await render(page, { text: '<%= 7*7 %>&amp;' })).toBe('<%= 7*7 %>&amp;')
  })

  it('renders synchronously over a cache in memory, and says so where it cannot', () => {
    const { renderSync, mark } = engine(stage().caches, { side: '<%= mark(x) %>' })
    const page = `<%- cache.sync(500, 'f', x, () => include('side')) %>`
    for (let i = 0; i < 2; i++) expect(renderSync(page, { x: 1 })).toBe('1')
    expect(mark).toHaveBeenCalledTimes(1)
    const far = engine(createCaches({ default: { backend: slow() } }))
    expect(() => far.renderSync(`<%- cache.sync(500, 'f', () => 'x') %>`)).toThrow(
      /page\.ejs:1.*cannot answer within/s,
    )
  })

  it('FRG-13 renders once for 200 at once; a dead backend renders the body', async () => {
    const { render, mark } = engine(createCaches({ default: { backend: slow() } }))
    const page = `<%- await cache(500, 'f', async () => mark('x')) %>`
    const all = await Promise.all(Array.from({ length: 200 }, () => render(page)))
    expect(new Set(all)).toEqual(new Set(['x']))
    expect(mark).toHaveBeenCalledTimes(1)
    expect(await engine(createCaches({ default: { backend: dead() } })).render(page)).toBe('x')
  })

  it('A62 warns when a fragment that varies on nothing reads the user of a watched request', async () => {
    const { render } = engine(stage().caches, { hi: 'Hi <%= request.user.name %>' })
    const warning = nextWarning('FRAGMENT_READS_USER')
    const request = watchRequest({ user: { name: 'ann' } })
    await render(`<%- await cache(500, 'ejs-hi', () => include('hi')) %>`, { request })
    expect((await warning).message).toContain('"ejs-hi"')
  })
})
