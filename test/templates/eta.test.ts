import { Eta } from 'eta'
import { describe, expect, it, vi } from 'vitest'
import { createCaches, memory, type Registry } from '../../src/index.ts'
import { cacheTag } from '../../src/templates/eta.ts'
import { fragmentKey } from '../../src/templates/index.ts'
import type { TagOptions } from '../../src/templates/tag.ts'
import { dead, settled, slow, stage } from './kit.ts'

function engine(caches: Registry, templates: Record<string, string> = {}, tag: TagOptions = {}) {
  const mark = vi.fn((text: unknown) => `${text}`)
  const eta = new Eta()
  const shared = { cache: cacheTag(caches, tag), mark }
  for (const [name, source] of Object.entries(templates)) {
    eta.loadTemplate(`@${name}`, source, { async: true })
    if (!source.includes('await')) eta.loadTemplate(`@${name}-sync`, source)
  }
  return {
    mark,
    render: (source: string, data: object = {}) => eta.renderStringAsync(source, { ...shared, ...data }),
    renderSync: (source: string, data: object = {}) => eta.renderString(source, { ...shared, ...data }),
  }
}

describe('eta', () => {
  it('FRG-01 around a partial, with ttl, name, what it varies on and using', async () => {
    const { caches } = stage()
    const { render, mark } = engine(caches, { side: '<b><%= it.mark(it.user.name) %></b>' })
    const page = `<%~ await it.cache(500, 'side', it.user.name.toUpperCase(), 2, { using: 'local' }, () => includeAsync('@side', it)) %>`
    for (let i = 0; i < 2; i++) expect(await render(page, { user: { name: 'a&b' } })).toBe('<b>a&amp;b</b>')
    expect(mark).toHaveBeenCalledTimes(1)
    expect(await caches.local.get(fragmentKey('side', ['A&B', 2]))).toBe('<b>a&amp;b</b>')
  })

  it('says what was expected', async () => {
    const { render, renderSync } = engine(stage().caches)
    const faults: [string, RegExp][] = [
      ['await it.cache(500, () => "x")', /requires at least 2 arguments/],
      [
        'await it.cache(500, "f", { using: "nope" }, () => "x")',
        /cache "f": using= must be the name of a cache, not "nope"/,
      ],
      [
        'await it.cache(undefined, "f", () => "x")',
        /cache "f": the ttl must be a number of seconds, .*not undefined/,
      ],
      [
        'await it.cache(500, "f", () => { %>inline<% })',
        /the body must give its HTML as a string, not undefined/,
      ],
      ['it.cache(500, "g", () => "x")', /cache\(\) answers later: write <%~ await it\.cache/],
    ]
    for (const [call, message] of faults)
      await expect(render(`<%~ ${call} %>`), call).rejects.toThrow(message)
    expect(() => renderSync('<%~ it.cache(500, "h", () => "x") %>')).toThrow(/answers later/)
  })

  it('in loops, nested, stale ones renewed with the variables of their place', async () => {
    for (const backend of [memory(), slow()]) {
      const { clock } = stage()
      const caches = createCaches({ default: { backend } }, { clock })
      const { render } = engine(
        caches,
        {
          item: `[<%= it.x %><%~ await it.cache(500, 'in', it.x, () => includeAsync('@inner', it)) %>:<%= it.version %>]`,
          inner: '<<%= it.x %>>',
        },
        { staleFor: '1h' },
      )
      const page = `<% for (const x of it.xs) { %><%~ await it.cache(10, 'item', x, () => includeAsync('@item', { ...it, x })) %><% } %>`
      expect(await render(page, { xs: [1, 2], version: 1 })).toBe('[1<1>:1][2<2>:1]')
      clock.advance(11_000)
      expect(await render(page, { xs: [2, 1], version: 2 })).toBe('[2<2>:1][1<1>:1]')
      await settled()
      expect(await render(page, { xs: [1, 2], version: 3 })).toBe('[1<1>:2][2<2>:2]')
    }
  })

  it('an inline block, captured', async () => {
    const { render, mark } = engine(createCaches({ default: { backend: slow() } }))
    const page = `a<%~ await it.cache(500, 'f', it.x, () => captureAsync(async () => { %><b><%= it.mark(it.x) %></b><% })) %>z`
    for (let i = 0; i < 2; i++) expect(await render(page, { x: '&' })).toBe('a<b>&amp;</b>z')
    expect(mark).toHaveBeenCalledTimes(1)
  })

  it('renders synchronously over a cache in memory', () => {
    const { renderSync, mark } = engine(stage().caches, { side: '<%= it.mark(it.x) %>' })
    const page = `<%~ it.cache.sync(500, 'f', it.x, () => include('@side-sync', it)) %>`
    for (let i = 0; i < 2; i++) expect(renderSync(page, { x: '<' })).toBe('&lt;')
    expect(mark).toHaveBeenCalledTimes(1)
  })

  it('FRG-13 renders once for 200 at once; a dead backend renders the body; A46 nothing is evaluated again', async () => {
    const { render, mark } = engine(createCaches({ default: { backend: slow() } }))
    const page = `<%~ await it.cache(500, 'f', async () => it.mark('<' + '%= 7*7 %' + '>')) %>`
    const all = await Promise.all(Array.from({ length: 200 }, () => render(page)))
    expect(new Set(all)).toEqual(new Set(['<%= 7*7 %>']))
    expect(mark).toHaveBeenCalledTimes(1)
    expect(await engine(createCaches({ default: { backend: dead() } })).render(page)).toBe('<%= 7*7 %>')
  })
})
