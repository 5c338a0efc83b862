import nunjucks from 'nunjucks'
import { describe, expect, it, vi } from 'vitest'
import { createCaches, memory, type Registry } from '../../src/index.ts'
import { fragmentKey } from '../../src/templates/index.ts'
import { cacheTag } from '../../src/templates/nunjucks.ts'
import type { TagOptions } from '../../src/templates/tag.ts'
import { dead, nextWarning, settled, slow, stage } from './kit.ts'

function engine(
  caches: Registry,
  templates: Record<string, string> = {},
  { tag, ...options }: nunjucks.ConfigureOptions & { tag?: TagOptions } = {},
) {
  class Loader extends nunjucks.Loader implements nunjucks.ILoader {
    getSource(name: string) {
      const src = templates[name]
      return src === undefined ? JSON.parse('null') : { src, path: name, noCache: false }
    }
  }
  const env = new nunjucks.Environment(new Loader(), options)
  env.addExtension('cache', cacheTag(caches, tag))
  return (source: string, context: object = {}) =>
    new Promise<string>((done, fail) => {
      const template = new nunjucks.Template(source, env, 'page.njk')
      template.render(context, (error: Error | null, html: string | null) =>
        error ? fail(error) : done(html ?? ''),
      )
    })
}

/** What each test renders is made by this, so that renders can be counted. */
function counter() {
  return vi.fn((text: unknown = '') => `${text}`)
}

describe('nunjucks', () => {
  it('FRG-01 the tag with ttl, name, what it varies on and using', async () => {
    const { caches } = stage()
    const render = engine(caches)
    const mark = counter()
    const page =
      '{% cache 500 sidebar request.user.username | upper, 2 using="local" %}<b>{{ mark(1) }}</b>{% endcache %}'
    const context = { mark, request: { user: { username: 'ann' } } }
    expect([await render(page, context), await render(page, context)]).toEqual(['<b>1</b>', '<b>1</b>'])
    expect(mark).toHaveBeenCalledTimes(1)
    expect(await caches.local.get(fragmentKey('sidebar', ['ANN', 2]))).toBe('<b>1</b>')
  })

  it('FRG-03 the ttl is a literal, a duration, a variable, a filter, digits, or none for ever', async () => {
    const { caches, clock } = stage()
    const render = engine(caches)
    const mark = counter()
    const ttls = ['500', '1.9', '15m', '"15m"', 'ttl', 'half | int', 'digits', 'none', 'forever', '60 * 60']
    const context = { mark, ttl: 30, half: '30', digits: '40', forever: null }
    for (const [i, ttl] of ttls.entries()) {
      const page = `{% cache ${ttl} f${i} %}{{ mark() }}{% endcache %}`
      await render(page, context)
      await render(page, context)
      expect(mark, ttl).toHaveBeenCalledTimes(i + 1)
    }
    clock.advance(1e10)
    await render('{% cache none f7 %}{{ mark() }}{% endcache %}', context)
    expect(mark).toHaveBeenCalledTimes(ttls.length)
    await render('{% cache 15m f2 %}{{ mark() }}{% endcache %}', context)
    expect(mark).toHaveBeenCalledTimes(ttls.length + 1)
  })

  it('FRG-03 0 renders and keeps nothing', async () => {
    const { caches } = stage()
    const mark = counter()
    for (let i = 0; i < 2; i++) await engine(caches)('{% cache 0 f %}{{ mark() }}{% endcache %}', { mark })
    expect(mark).toHaveBeenCalledTimes(2)
  })

  it('errors name the template, the line and what was expected', async () => {
    const { caches } = stage()
    const render = engine(caches)
    const faults: [string, RegExp][] = [
      ['{% cache %}x{% endcache %}', /page\.njk\).*Line 2.*requires at least 2 arguments/s],
      ['{% cache 500 %}x{% endcache %}', /page\.njk\).*Line 2.*requires at least 2 arguments/s],
      ['{% cache 500 using="local" %}x{% endcache %}', /Line 2.*requires at least 2 arguments/s],
      ['{% cache 500 f using="local" user %}x{% endcache %}', /Line 2.*using= must be the last argument/s],
      [
        '{% cache 500 f using="nope" %}x{% endcache %}',
        /page\.njk\).*line 2: cache "f": using= must be the name of a cache, not "nope"; there are default, local/s,
      ],
      [
        '{% cache 500 f using=nothing %}x{% endcache %}',
        /line 2.*using= must be the name of a cache, not undefined/s,
      ],
      [
        '{% cache nothing f %}x{% endcache %}',
        /page\.njk\).*line 2: cache "f": the ttl must be a number of seconds, a duration .* none .*not undefined/s,
      ],
      ['{% cache "secret" f %}x{% endcache %}', /line 2: cache "f": the ttl .* not another string/s],
      ['{% cache true f %}x{% endcache %}', /not a boolean/],
      ['{% cache 500 f user %}x{% endcache %}', /such as user\.id/],
      ['{% cache 500 f %}x', /endcache/],
    ]
    for (const [source, message] of faults) {
      await expect(render(`\n${source}`, { user: {} }), source).rejects.toThrow(message)
    }
    await expect(render('{% cache "secret" f %}x{% endcache %}')).rejects.not.toThrow(/secret/)
  })

  it('the name is literal text, as it stands or quoted', async () => {
    const { caches } = stage()
    const render = engine(caches)
    const context = { sidebar: 'variable' }
    for (const [written, name] of [
      ['sidebar', 'sidebar'],
      ['side-bar', 'side-bar'],
      ['blog.latest', 'blog.latest'],
      ['"two words"', 'two words'],
    ]) {
      await render(`{% cache 500 ${written} 1 %}x{% endcache %}`, context)
      expect(await caches.default.has(fragmentKey(name!, [1])), written).toBe(true)
    }
  })

  it('is escaped once, with autoescape on and off, on the miss and on the hit', async () => {
    for (const autoescape of [true, false]) {
      const { caches } = stage()
      const render = engine(caches, {}, { autoescape })
      const page = '{% cache 500 f %}<i>{{ text }}</i>{% endcache %}'
      const expected = autoescape ? '<i>&lt;b&gt;&amp;</i>' : '<i><b>&</i>'
      expect(await render(page, { text: '<b>&' })).toBe(expected)
      expect(await render(page, { text: 'other' })).toBe(expected)
    }
  })

  it('A46 stored HTML is not evaluated again', async () => {
    const { caches } = stage()
    const render = engine(caches)
    const page = '{% cache 500 f %}{{ text | safe }}{% endcache %}'
    for (let i = 0; i < 2; i++)
      expect(await render(page, { text: '{{ 7*7 }}{% endcache %}' })).toBe('{{ 7*7 }}{% endcache %}')
  })

  it('in a loop each item has its own, with the variables of its turn', async () => {
    for (const backend of [memory(), slow()]) {
      const caches = createCaches({ default: { backend } })
      const render = engine(caches)
      const page =
        '{% for x in xs %}{% cache 500 item x %}[{{ loop.index }}{{ x }}{% if loop.last %}!{% endif %}]{% endcache %}{% else %}none{% endfor %}.'
      expect(await render(page, { xs: ['a', 'b', 'c'] })).toBe('[1a][2b][3c!].')
      expect(await render(page, { xs: ['c', 'a'] })).toBe('[3c!][1a].')
      expect(await render(page, { xs: [] })).toBe('none.')
      expect(
        await render('{% for k, v in o %}{% cache 5 kv k %}{{ k }}={{ v }};{% endcache %}{% endfor %}', {
          o: { a: 1, b: 2 },
        }),
      ).toBe('a=1;b=2;')
    }
  })

  it('nests, in branches too', async () => {
    const { caches } = stage()
    const render = engine(caches)
    const outer = counter()
    const inner = counter()
    const page =
      '{% if yes %}{% cache 5 outer %}<{{ outer() }}{% for x in [1, 2] %}{% if x %}{% cache 500 inner x %}{{ inner(x) }}{% endcache %}{% endif %}{% endfor %}>{% endcache %}{% endif %}'
    expect(await render(page, { yes: true, outer, inner })).toBe('<12>')
    await caches.default.delete(fragmentKey('outer'))
    expect(await render(page, { yes: true, outer, inner })).toBe('<12>')
    expect([outer.mock.calls.length, inner.mock.calls.length]).toEqual([2, 2])
  })

  it('includes: a fragment in what is included, and an include in a fragment', async () => {
    const { caches } = stage()
    const render = engine(caches, {
      'part.njk': '{% cache 500 part x %}<{{ x }}>{% endcache %}',
      'plain.njk': '({{ x }}{{ y }})',
    })
    expect(await render('{% include "part.njk" %}{% include "part.njk" %}', { x: 1 })).toBe('<1><1>')
    const page =
      '{% set y = 2 %}{% for x in [1, 2] %}{% cache 500 whole x %}{% include "plain.njk" %}{% endcache %}{% endfor %}'
    expect([await render(page), await render(page)]).toEqual(['(12)(22)', '(12)(22)'])
  })

  it('inheritance: in blocks, around blocks, with super()', async () => {
    const { caches } = stage()
    const render = engine(caches, {
      'base.njk':
        '<{% cache 500 head %}H{{ n() }}{% endcache %}{% block main %}base{{ n() }}{% endblock %}{% cache 500 foot who %}{% block foot %}foot{{ n() }}{% endblock %}{% endcache %}>',
    })
    let count = 0
    const n = () => ++count
    const child =
      '{% extends "base.njk" %}{% block main %}{% cache 500 main %}[{{ super() }}+{{ n() }}{{ super() }}]{% endcache %}{% endblock %}'
    const first = await render(child, { n, who: 'child' })
    expect(first).toBe('<H1[base2+3base2]foot4>')
    expect(await render(child, { n, who: 'child' })).toBe(first)
    expect(
      await render('{% extends "base.njk" %}{% block foot %}mine{% endblock %}', { n, who: 'b' }),
    ).toMatch(/^<H1base\dmine>$/)
  })

  it('a fragment sees set, imports and macros, and leaks nothing', async () => {
    const { caches } = stage()
    const render = engine(caches, { 'm.njk': '{% macro b(x) %}<b>{{ x }}</b>{% endmacro %}' })
    const page =
      '{% import "m.njk" as m %}{% set a = 1 %}{% cache 500 f %}{{ m.b(a) }}{% set a = 2 %}{% endcache %}{{ a }}'
    expect([await render(page), await render(page)]).toEqual(['<b>1</b>1', '<b>1</b>1'])
  })

  it('a stale fragment is served at once, and renewed with the variables of its place', async () => {
    const { caches, clock } = stage()
    const render = engine(caches, {}, { tag: { staleFor: '1h' } })
    const page =
      '{% set v = 0 %}{% for x in xs %}{% set v = x %}{% cache 10 item x %}[{{ x }}{{ v }}{{ loop.index }}:{{ version }}]{% endcache %}{% endfor %}{% set v = 9 %}'
    await render(page, { xs: ['a', 'b'], version: 1 })
    clock.advance(11_000)
    expect(await render(page, { xs: ['a', 'b'], version: 2 })).toBe('[aa1:1][bb2:1]')
    await settled()
    expect(await render(page, { xs: ['a', 'b'], version: 3 })).toBe('[aa1:2][bb2:2]')
  })

  it('where Nunjucks cannot wait it raises an error instead of printing nothing', async () => {
    const { caches } = stage()
    const tag = '{% cache 500 f %}x{% endcache %}'
    const render = engine(caches, { 'm.njk': `\n{% macro m() %}${tag}{% endmacro %}` })
    const places: [string, RegExp][] = [
      [`{% macro m() %}\n${tag}{% endmacro %}{{ m() }}`, /page\.njk\).*Line 2.*inside {% macro %}/s],
      [`{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}${tag}{% endcall %}`, /inside {% call %}/],
      [`{% set x %}${tag}{% endset %}{{ x }}`, /inside {% set %}/],
      [`{% filter upper %}${tag}{% endfilter %}`, /inside {% filter %}/],
      ['{% import "m.njk" as m %}{{ m.m() }}', /Line 2.*inside {% macro %}/s],
    ]
    for (const [source, message] of places) await expect(render(source), source).rejects.toThrow(message)
    const fine = `{% macro m() %}m{% endmacro %}{% set a = 1 %}{% set b %}b{% endset %}{% filter upper %}c{% endfilter %}{% raw %}{% macro x() %}{% endraw %}${tag}`
    expect(await render(fine)).toMatch(/x$/)
  })

  it('FRG-13 the body is rendered once for 200 at once', async () => {
    for (const backend of [memory(), slow()]) {
      const caches = createCaches({ default: { backend } })
      const render = engine(caches)
      const mark = counter()
      const all = await Promise.all(
        Array.from({ length: 200 }, () =>
          render('{% cache 500 f %}{{ mark("x") }}{% endcache %}!', { mark }),
        ),
      )
      expect(new Set(all)).toEqual(new Set(['x!']))
      expect(mark).toHaveBeenCalledTimes(1)
    }
  })

  it('a dead backend renders the body', async () => {
    const caches = createCaches({ default: { backend: dead() } })
    expect(await engine(caches)('{% cache 500 f %}x{% endcache %}')).toBe('x')
  })

  it('what the body or the rest of the page throws ends the render with that error', async () => {
    const { caches } = stage()
    const render = engine(caches)
    const boom = () => {
      throw new Error('boom')
    }
    await expect(render('{% cache 500 f %}{{ boom() }}{% endcache %}', { boom })).rejects.toThrow(/boom/)
    await expect(render('{% cache 500 f %}x{% endcache %}{{ boom() }}', { boom })).rejects.toThrow(/boom/)
  })

  it('A62 warns when a fragment that varies on nothing reads the user', async () => {
    const { caches } = stage()
    const render = engine(caches)
    for (const read of ['request.user.name', 'user.name', 'req.session.id']) {
      const warning = nextWarning('FRAGMENT_READS_USER')
      const name = read.replaceAll('.', '')
      const context = { request: { user: { name: 1 } }, user: { name: 1 }, req: { session: { id: 1 } } }
      expect(await render(`{% cache 500 nj-${name} %}{{ ${read} }}{% endcache %}`, context)).toBe('1')
      expect((await warning).message).toContain(`"nj-${name}"`)
    }
    const heard = vi.fn()
    process.on('warning', heard)
    await render('{% cache 500 nj-fine user.id %}{{ user.name }}{% endcache %}', { user: { id: 1 } })
    await settled()
    process.off('warning', heard)
    expect(heard).not.toHaveBeenCalled()
  })
})
