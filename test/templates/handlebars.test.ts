import Handlebars from 'handlebars'
import { describe, expect, it, vi } from 'vitest'
import { createCaches, memory, type Registry } from '../../src/index.ts'
import { cacheTag } from '../../src/templates/handlebars.ts'
import { fragmentKey } from '../../src/templates/index.ts'
import type { TagOptions } from '../../src/templates/tag.ts'
import { dead, nextWarning, settled, slow, stage } from './kit.ts'

function engine(caches: Registry, partials: Record<string, string> = {}, tag: TagOptions = {}) {
  const handlebars = Handlebars.create()
  const { helper, render } = cacheTag(caches, tag)
  const mark = vi.fn((text: unknown) => `${text}`)
  handlebars.registerHelper({
    cache: helper,
    mark,
    upper: (text: string) => text.toUpperCase(),
    shout(this: unknown, options: Handlebars.HelperOptions) {
      return options.fn(this).toUpperCase()
    },
  })
  handlebars.registerPartial(partials)
  return {
    mark,
    render: (source: string, data: object = {}, options?: object) =>
      render(handlebars.compile(source), data, options),
    plain: (source: string, data: object = {}) => handlebars.compile(source)(data),
  }
}

describe('handlebars', () => {
  it('FRG-01 the block helper with ttl, name, what it varies on and using', async () => {
    const { caches } = stage()
    const { render, mark } = engine(caches)
    const page =
      '{{#cache 500 "sidebar" (upper user.name) 2 using="local"}}<b>{{mark user.name}}</b>{{/cache}}'
    for (let i = 0; i < 2; i++) expect(await render(page, { user: { name: 'a&b' } })).toBe('<b>a&amp;b</b>')
    expect(mark).toHaveBeenCalledTimes(1)
    expect(await caches.local.get(fragmentKey('sidebar', ['A&B', 2]))).toBe('<b>a&amp;b</b>')
  })

  it('FRG-03 the ttl is a number, a duration, a variable, digits, or null for ever; 0 keeps nothing', async () => {
    const { caches, clock } = stage()
    const { render, mark } = engine(caches)
    for (const [i, ttl] of ['500', '"15m"', 'ttl', '"40"', 'null'].entries()) {
      for (let j = 0; j < 2; j++) await render(`{{#cache ${ttl} "f${i}"}}{{mark 1}}{{/cache}}`, { ttl: 5 })
      expect(mark).toHaveBeenCalledTimes(i + 1)
    }
    clock.advance(1e10)
    await render('{{#cache null "f4"}}{{mark 1}}{{/cache}}')
    expect(mark).toHaveBeenCalledTimes(5)
    for (let j = 0; j < 2; j++) await render('{{#cache 0 "f"}}{{mark 1}}{{/cache}}')
    expect(mark).toHaveBeenCalledTimes(7)
  })

  it('errors name the line and what was expected', async () => {
    const { render } = engine(stage().caches)
    const faults: [string, RegExp][] = [
      ['{{#cache}}x{{/cache}}', /line 2: "cache" tag requires at least 2 arguments/],
      ['{{#cache 500}}x{{/cache}}', /line 2: "cache" tag requires at least 2 arguments/],
      ['{{#cache 500 using="local"}}x{{/cache}}', /line 2: "cache" tag requires at least 2 arguments/],
      ['{{#cache 500 name}}x{{/cache}}', /line 2: .*the name is a quoted text/],
      ['{{#cache 500 "f" usin="local"}}x{{/cache}}', /line 2: .*usin= is none of its options/],
      ['{{#cache 500 "f" using="local" user}}x{{/cache}}', /Parse error on line 2/],
      [
        '{{#cache 500 "f" using="nope"}}x{{/cache}}',
        /line 2: cache "f": using= must be the name of a cache, not "nope"/,
      ],
      ['{{#cache 500 "f" using=nothing}}x{{/cache}}', /line 2: cache "f": using= .* not undefined/],
      [
        '{{#cache nothing "f"}}x{{/cache}}',
        /line 2: cache "f": the ttl must be a number of seconds, .*not undefined/,
      ],
      ['{{#cache "soon" "f"}}x{{/cache}}', /the ttl .* not another string/],
      ['{{cache 500 "f"}}', /is a block helper/],
    ]
    for (const [source, message] of faults) {
      await expect((async () => render(`\n${source}`))(), source).rejects.toThrow(message)
    }
  })

  it('in loops, nested, in partials, with the variables of its place, over near and far caches', async () => {
    for (const backend of [memory(), slow()]) {
      const { render, mark } = engine(createCaches({ default: { backend } }), {
        part: '{{#cache 500 "part" x}}({{x}}){{/cache}}',
      })
      const page =
        '{{#each xs as |x|}}{{#cache 500 "item" x}}[{{@index}}{{x}}{{../y}}{{@root.y}}{{#cache 500 "in" x}}{{mark x}}{{/cache}}{{> part x=x}}]{{/cache}}{{/each}}.'
      expect(await render(page, { xs: ['a', 'b'], y: 'y' })).toBe('[0ayya(a)][1byyb(b)].')
      expect(await render(page, { xs: ['b', 'a'], y: 'z' })).toBe('[1byyb(b)][0ayya(a)].')
      expect(mark).toHaveBeenCalledTimes(2)
    }
  })

  it('is escaped once, by noEscape and other helpers too', async () => {
    const { render } = engine(stage().caches)
    const page = '{{#shout}}<i>{{#cache 500 "f"}}<b>{{text}}</b>{{/cache}}{{/shout}}'
    for (let i = 0; i < 2; i++) expect(await render(page, { text: '<&' })).toBe('<I><b>&lt;&amp;</b>')
  })

  it('A46 stored HTML is never evaluated again, and nobody can write a placeholder', async () => {
    const { render } = engine(stage().caches)
    const text = '{{7}}\uE0001\uE0010\uE002 $& $1'
    const page = '{{#cache 500 "a"}}{{{text}}}{{/cache}}|{{#cache 500 "b"}}b{{/cache}}'
    for (let i = 0; i < 2; i++) expect(await render(page, { text })).toBe(`${text}|b`)
  })

  it('a stale fragment is served at once, and renewed with the variables of its place', async () => {
    const { caches, clock } = stage()
    const { render } = engine(caches, {}, { staleFor: '1h' })
    const page =
      '{{#each xs}}{{#cache 10 "item" this}}[{{this}}{{@index}}:{{@root.version}}]{{/cache}}{{/each}}'
    await render(page, { xs: ['a', 'b'], version: 1 })
    clock.advance(11_000)
    expect(await render(page, { xs: ['a', 'b'], version: 2 })).toBe('[a0:1][b1:1]')
    await settled()
    expect(await render(page, { xs: ['a', 'b'], version: 3 })).toBe('[a0:2][b1:2]')
  })

  it('a plain template works over a cache in memory, and says what to do where it does not', () => {
    const { plain, mark } = engine(stage().caches)
    const page =
      '{{#each xs}}{{#cache 500 "item" this}}{{mark this}}{{#cache 500 "in"}}!{{/cache}}{{/cache}}{{/each}}'
    for (let i = 0; i < 2; i++) expect(plain(page, { xs: [1, 2] })).toBe('1!2!')
    expect(mark).toHaveBeenCalledTimes(2)
    const far = engine(createCaches({ default: { backend: slow() } }))
    expect(() => far.plain('{{#cache 500 "f"}}x{{/cache}}')).toThrow(
      /cache "f": this cache answers later.*render\(\)/,
    )
  })

  it('FRG-13 renders once for 200 at once; a dead backend renders the body', async () => {
    const page = '{{#cache 500 "f"}}{{mark "x"}}{{/cache}}!'
    const { render, mark } = engine(createCaches({ default: { backend: slow() } }))
    const all = await Promise.all(Array.from({ length: 200 }, () => render(page)))
    expect(new Set(all)).toEqual(new Set(['x!']))
    expect(mark).toHaveBeenCalledTimes(1)
    expect(await engine(createCaches({ default: { backend: dead() } })).render(page)).toBe('x!')
  })

  it('what the body or the page throws rejects, and the next render is none the worse', async () => {
    const { render, mark } = engine(stage().caches)
    mark.mockImplementationOnce(() => {
      throw new Error('boom')
    })
    await expect(render('{{#cache 500 "f"}}{{mark 1}}{{/cache}}')).rejects.toThrow('boom')
    expect(await render('{{#cache 500 "f"}}{{mark 1}}{{/cache}}')).toBe('1')
  })

  it('A62 warns when a fragment that varies on nothing reads the user', async () => {
    const { render } = engine(stage().caches)
    for (const read of ['request.user.name', 'user.name', '@root.request.session.id']) {
      const warning = nextWarning('FRAGMENT_READS_USER')
      const name = `hb-${read.replaceAll(/\W/g, '')}`
      const data = { request: { user: { name: 1 }, session: { id: 1 } }, user: { name: 1 } }
      expect(await render(`{{#cache 500 "${name}"}}{{${read}}}{{/cache}}`, data)).toBe('1')
      expect((await warning).message).toContain(`"${name}"`)
    }
  })
})
