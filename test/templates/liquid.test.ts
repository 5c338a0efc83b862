import { Liquid, type LiquidOptions } from 'liquidjs'
import { describe, expect, it, vi } from 'vitest'
import { createCaches, memory, type Registry } from '../../src/index.ts'
import { fragmentKey } from '../../src/templates/index.ts'
import { cacheTag } from '../../src/templates/liquid.ts'
import type { TagOptions } from '../../src/templates/tag.ts'
import { dead, nextWarning, settled, slow, stage } from './kit.ts'

function engine(
  caches: Registry,
  templates: Record<string, string> = {},
  { tag, ...options }: LiquidOptions & { tag?: TagOptions } = {},
) {
  const liquid = new Liquid({ templates, ...options })
  liquid.plugin(cacheTag(caches, tag))
  // Each call of `mark` in a template is counted and shows what it was given.
  const mark = vi.fn((text: unknown) => `${text}`)
  liquid.registerFilter('mark', mark)
  return {
    mark,
    liquid,
    render: (source: string, context: object = {}) => liquid.parseAndRender(source, context),
  }
}

describe('liquid', () => {
  it('FRG-01 the tag with ttl, name, what it varies on and using', async () => {
    const { caches } = stage()
    const { render, mark } = engine(caches)
    const page =
      '{% cache 500 sidebar request.user.username | upcase | append: "!" 2 using="local" %}<b>{{ 1 | mark }}</b>{% endcache %}'
    const bad =
      '{% cache 500 sidebar request.user.username|upcase 2 using=where %}<b>{{ 1 | mark }}</b>{% endcache %}'
    const context = { request: { user: { username: 'ann' } }, where: 'local' }
    expect([await render(page, context), await render(page, context)]).toEqual(['<b>1</b>', '<b>1</b>'])
    expect(mark).toHaveBeenCalledTimes(1)
    expect(await caches.local.get(fragmentKey('sidebar', ['ANN!', 2]))).toBe('<b>1</b>')
    await render(bad, context)
    expect(await caches.local.get(fragmentKey('sidebar', ['ANN', 2]))).toBe('<b>1</b>')
  })

  it('FRG-03 the ttl is a literal, a duration, a variable, a filter, digits, or nil for ever', async () => {
    const { caches, clock } = stage()
    const { render, mark } = engine(caches)
    const ttls = ['500', '1.9', '15m', '"15m"', 'ttl', 'ttl | plus: 5', 'digits', 'nil', 'forever']
    const context = { ttl: 30, digits: '40', forever: null }
    for (const [i, ttl] of ttls.entries()) {
      const page = `{% cache ${ttl} f${i} %}{{ 1 | mark }}{% endcache %}`
      await render(page, context)
      await render(page, context)
      expect(mark, ttl).toHaveBeenCalledTimes(i + 1)
    }
    clock.advance(1e10)
    await render('{% cache nil f7 %}{{ 1 | mark }}{% endcache %}', context)
    expect(mark).toHaveBeenCalledTimes(ttls.length)
    for (let i = 0; i < 2; i++) await render('{% cache 0 f %}{{ 1 | mark }}{% endcache %}', context)
    expect(mark).toHaveBeenCalledTimes(ttls.length + 2)
  })

  it('errors name the template, the line and what was expected', async () => {
    const { caches } = stage()
    const faults: [string, RegExp][] = [
      ['{% cache %}x{% endcache %}', /requires at least 2 arguments.*page\.liquid.*line:2/],
      ['{% cache 500 %}x{% endcache %}', /requires at least 2 arguments.*page\.liquid.*line:2/],
      ['{% cache 500 using="local" %}x{% endcache %}', /requires at least 2 arguments/],
      ['{% cache 500 f using="local" user %}x{% endcache %}', /using= must be the last argument.*line:2/],
      [
        '{% cache 500 f using="nope" %}x{% endcache %}',
        /cache "f": using= must be the name of a cache, not "nope"; there are default, local.*page\.liquid.*line:2/,
      ],
      ['{% cache 500 f using=nothing %}x{% endcache %}', /using= must be the name of a cache, not undefined/],
      [
        '{% cache nothing f %}x{% endcache %}',
        /cache "f": the ttl must be a number of seconds, a duration .*not undefined.*line:2/,
      ],
      ['{% cache "secret" f %}x{% endcache %}', /cache "f": the ttl .* not another string/],
      ['{% cache true f %}x{% endcache %}', /not a boolean/],
      ['{% cache 500 f user %}x{% endcache %}', /such as user\.id/],
      ['{% cache 500 f %}x', /endcache/],
    ]
    for (const [source, message] of faults) {
      const { render } = engine(caches, { 'page.liquid': `\n${source}` })
      await expect(render('{% render "page.liquid", user: user %}', { user: {} }), source).rejects.toThrow(
        message,
      )
    }
  })

  it('the name is literal text, as it stands or quoted', async () => {
    const { caches } = stage()
    for (const [written, name] of [
      ['sidebar', 'sidebar'],
      ['side-bar', 'side-bar'],
      ['blog.latest', 'blog.latest'],
      ['"two words"', 'two words'],
    ]) {
      await engine(caches).render(`{% cache 500 ${written} 1 %}x{% endcache %}`, { sidebar: 'variable' })
      expect(await caches.default.has(fragmentKey(name!, [1])), written).toBe(true)
    }
  })

  it('is escaped once, with escaping on and off, and A46 never evaluated again', async () => {
    for (const outputEscape of ['escape', undefined] as const) {
      const { caches } = stage()
      const { render } = engine(caches, {}, outputEscape ? { outputEscape } : {})
      const page = '{% cache 500 f %}<i>{{ text }}</i>{% endcache %}'
      const expected = outputEscape ? '<i>&lt;b&gt;&amp;{{ 1 }}</i>' : '<i><b>&{{ 1 }}</i>'
      expect(await render(page, { text: '<b>&{{ 1 }}' })).toBe(expected)
      expect(await render(page, { text: 'other' })).toBe(expected)
    }
  })

  it('in loops, nested, in includes, with the variables of its place', async () => {
    for (const backend of [memory(), slow()]) {
      const { render } = engine(createCaches({ default: { backend } }), {
        part: '{% cache 500 part x %}<{{ x }}>{% endcache %}',
        plain: '({{ x }}{{ y }})',
      })
      const loop =
        '{% for x in xs %}{% cache 500 item x %}[{{ forloop.index }}{{ x }}{% cache 500 in x %}{{ x }}{% endcache %}]{% endcache %}{% endfor %}.'
      expect(await render(loop, { xs: ['a', 'b'] })).toBe('[1aa][2bb].')
      expect(await render(loop, { xs: ['b', 'a'] })).toBe('[2bb][1aa].')
      expect(await render('{% include "part" %}{% render "part", x: 2 %}', { x: 1 })).toBe('<1><2>')
      const around =
        '{% assign y = 2 %}{% for x in (1..2) %}{% cache 500 whole x %}{% include "plain" %}{% assign y = 3 %}{% endcache %}{% endfor %}{{ y }}'
      expect([await render(around), await render(around)]).toEqual(['(12)(22)2', '(12)(22)2'])
    }
  })

  it('in layouts: in blocks, around blocks, in a page that only has blocks', async () => {
    const { caches } = stage()
    const { render, mark } = engine(caches, {
      base: '<{% cache 500 foot who %}{% block foot %}{{ "base" | mark }}{% endblock %}{% endcache %}{% block main %}{% endblock %}>',
    })
    const page =
      '{% layout "base" %}{% cache 500 top %}{% block main %}{% cache 500 main %}{{ "main" | mark }}{% endcache %}{% endblock %}{% endcache %}'
    for (let i = 0; i < 2; i++) expect(await render(page)).toBe('<basemain>')
    expect(mark).toHaveBeenCalledTimes(2)
    expect(await render('{% layout "base" %}{% block foot %}own{% endblock %}', { who: 1 })).toBe('<own>')
  })

  it('a stale fragment is served at once, and renewed with the variables of its place', async () => {
    const { caches, clock } = stage()
    const { render } = engine(caches, {}, { tag: { staleFor: '1h' } })
    const page =
      '{% for x in xs %}{% assign v = x %}{% cache 10 item x %}[{{ x }}{{ v }}{{ forloop.index }}:{{ version }}]{% endcache %}{% endfor %}{% assign v = 9 %}'
    await render(page, { xs: ['a', 'b'], version: 1 })
    clock.advance(11_000)
    expect(await render(page, { xs: ['a', 'b'], version: 2 })).toBe('[aa1:1][bb2:1]')
    await settled()
    expect(await render(page, { xs: ['a', 'b'], version: 3 })).toBe('[aa1:2][bb2:2]')
  })

  it('renders synchronously where the cache answers in the same turn, and says so where it does not', () => {
    const { caches } = stage()
    const { liquid, mark } = engine(caches)
    const page =
      '{% for x in (1..2) %}{% cache 500 f x %}{{ x | mark }}{% cache 500 in %}!{% endcache %}{% endcache %}{% endfor %}'
    expect([liquid.parseAndRenderSync(page), liquid.parseAndRenderSync(page)]).toEqual(['1!2!', '1!2!'])
    expect(mark).toHaveBeenCalledTimes(2)
    const far = engine(createCaches({ default: { backend: slow() } }))
    expect(() => far.liquid.parseAndRenderSync(page)).toThrow(/cannot answer within a synchronous render/)
  })

  it('other delimiters', async () => {
    const { caches } = stage()
    const { render } = engine(
      caches,
      {},
      {
        outputDelimiterLeft: '<<',
        outputDelimiterRight: '>>',
        tagDelimiterLeft: '<%',
        tagDelimiterRight: '%>',
      },
    )
    expect(await render('<% cache 500 f x | upcase %><< x >><% endcache %>', { x: 'a' })).toBe('a')
    expect(await caches.default.has(fragmentKey('f', ['A']))).toBe(true)
  })

  it('FRG-13 the body is rendered once for 200 at once', async () => {
    for (const backend of [memory(), slow()]) {
      const { render, mark } = engine(createCaches({ default: { backend } }))
      const all = await Promise.all(
        Array.from({ length: 200 }, () => render('{% cache 500 f %}{{ "x" | mark }}{% endcache %}!')),
      )
      expect(new Set(all)).toEqual(new Set(['x!']))
      expect(mark).toHaveBeenCalledTimes(1)
    }
  })

  it('a dead backend renders the body; what the body throws ends the render', async () => {
    const { render, liquid } = engine(createCaches({ default: { backend: dead() } }))
    expect(await render('{% cache 500 f %}x{% endcache %}')).toBe('x')
    liquid.registerFilter('boom', () => {
      throw new Error('boom')
    })
    await expect(render('{% cache 500 f %}{{ 1 | boom }}{% endcache %}')).rejects.toThrow(/boom.*line:1/)
  })

  it('A62 warns when a fragment that varies on nothing reads the user', async () => {
    const { render } = engine(stage().caches)
    for (const read of ['request.user.name', 'user.name', 'req.session.id']) {
      const warning = nextWarning('FRAGMENT_READS_USER')
      const name = read.replaceAll('.', '')
      const context = { request: { user: { name: 1 } }, user: { name: 1 }, req: { session: { id: 1 } } }
      expect(await render(`{% cache 500 lq-${name} %}{{ ${read} }}{% endcache %}`, context)).toBe('1')
      expect((await warning).message).toContain(`"lq-${name}"`)
    }
  })
})
