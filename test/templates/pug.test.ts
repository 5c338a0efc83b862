import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pug from 'pug'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { createCaches, memory, type Registry } from '../../src/index.ts'
import { fragmentKey } from '../../src/templates/index.ts'
import { cacheTag } from '../../src/templates/pug.ts'
import type { TagOptions } from '../../src/templates/tag.ts'
import { dead, nextWarning, settled, slow, stage } from './kit.ts'

const folder = mkdtempSync(join(tmpdir(), 'stillwarm-pug-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function engine(caches: Registry, templates: Record<string, string> = {}, tag: TagOptions = {}) {
  const { plugin, locals, render } = cacheTag(caches, tag)
  const mark = vi.fn((text: unknown) => `${text}`)
  for (const [name, source] of Object.entries(templates)) writeFileSync(join(folder, name), source)
  const compile = (source: string, options: object = {}) =>
    pug.compile(source, { plugins: [plugin], filename: join(folder, 'page.pug'), ...options } as pug.Options)
  return {
    mark,
    locals,
    compile,
    render: async (source: string, data: object = {}, options?: object) =>
      render(compile(source, options), { mark, ...data }),
  }
}

describe('pug', () => {
  it('FRG-01 the mixin with ttl, name, what it varies on and using', async () => {
    const { caches } = stage()
    const { render, mark } = engine(caches)
    const page = `+cache(500, 'sidebar', user.name.toUpperCase(), 2)(using='local')\n  b= mark(user.name)`
    for (let i = 0; i < 2; i++) expect(await render(page, { user: { name: 'a&b' } })).toBe('<b>a&amp;b</b>')
    expect(mark).toHaveBeenCalledTimes(1)
    expect(await caches.local.get(fragmentKey('sidebar', ['A&B', 2]))).toBe('<b>a&amp;b</b>')
    expect(await render(`+cache(500, 'self', self.x)\n  b= self.x`, { x: 1 }, { self: true })).toBe(
      '<b>1</b>',
    )
  })

  it('FRG-03 the ttl is a number, a duration, digits, or null for ever; 0 keeps nothing', async () => {
    const { caches, clock } = stage()
    const { render, mark } = engine(caches)
    const show = (ttl: string, name: string) => render(`+cache(${ttl}, '${name}')\n  = mark(1)`)
    for (const [i, ttl] of ['500', '"15m"', '"40"', 'null'].entries()) {
      for (let j = 0; j < 2; j++) await show(ttl, `f${i}`)
      expect(mark).toHaveBeenCalledTimes(i + 1)
    }
    clock.advance(1e10)
    await show('null', 'f3')
    expect(mark).toHaveBeenCalledTimes(4)
    for (let j = 0; j < 2; j++) await show('0', 'f')
    expect(mark).toHaveBeenCalledTimes(6)
  })

  it('errors name the template, the line and what was expected', async () => {
    const { render, compile } = engine(stage().caches)
    const faults: [string, RegExp][] = [
      ['+cache()\n  b', /page\.pug:2.*requires at least 2 arguments/s],
      ['+cache(500)\n  b', /page\.pug:2.*requires at least 2 arguments/s],
      ['+cache(500, "f")', /"f": "cache" tag without a block/],
      ['+cache(500, "f")(usin="local")\n  b', /did you mean "using"/],
      [
        '+cache(500, "f")(using="nope")\n  b',
        /page\.pug:2.*cache "f": using= must be the name of a cache, not "nope"/s,
      ],
      [
        '+cache(nothing, "f")\n  b',
        /page\.pug:2.*cache "f": the ttl must be a number of seconds, .*not undefined/s,
      ],
      ['+cache("soon", "f")\n  b', /the ttl .* not another string/],
      ['+cache(500, "f", {})\n  b', /such as user\.id/],
    ]
    for (const [source, message] of faults) {
      await expect(render(`p\n${source}`, {}, { compileDebug: true }), source).rejects.toThrow(message)
    }
    expect(() => compile('+cache(500, "f")\n  b')()).toThrow(/render with the render\(\) of cacheTag\(\)/)
  })

  it('in loops, nested, in includes, with the items of its place, over near and far caches', async () => {
    for (const backend of [memory(), slow()]) {
      const { render, mark } = engine(createCaches({ default: { backend } }), {
        'part.pug': '+cache(500, "part", x)\n  i= x',
      })
      const page = `
each x, i in xs
  if x
    +cache(500, 'item', x)
      p
        = i + x
        each z in [x]
          +cache(500, 'in', z)
            b= mark(z)
        include part.pug
else
  | none
| .`
      expect(await render(page, { xs: ['a', 'b'] })).toBe(
        '<p>0a<b>a</b><i>a</i></p><p>1b<b>b</b><i>b</i></p>.',
      )
      expect(await render(page, { xs: ['b', 'a'] })).toBe(
        '<p>1b<b>b</b><i>b</i></p><p>0a<b>a</b><i>a</i></p>.',
      )
      expect(mark).toHaveBeenCalledTimes(2)
      expect(await render(page, { xs: [] })).toBe('none.')
    }
  })

  it('inheritance, and mixins of the template', async () => {
    const { render, mark } = engine(stage().caches, {
      'base.pug': 'header\n  +cache(500, "head")\n    = mark("h")\nblock main\n  p base',
    })
    const page = `extends base.pug
mixin box(x)
  +cache(500, 'box', x)
    div
      block
block main
  each x in [1, 2]
    +box(x)
      b= mark(x)`
    for (let i = 0; i < 2; i++) {
      expect(await render(page)).toBe('<header>h</header><div><b>1</b></div><div><b>2</b></div>')
    }
    expect(mark).toHaveBeenCalledTimes(3)
  })

  it('A46 is escaped once, never evaluated again, and nobody can write a placeholder', async () => {
    const { render } = engine(stage().caches)
    const text = '#{7}\uE0001\uE0010\uE002 $& $1'
    const page = `+cache(500, 'a')\n  != text\n  = '<'\n+cache(500, 'b')\n  | b`
    for (let i = 0; i < 2; i++) expect(await render(page, { text })).toBe(`${text}&lt;b`)
  })

  it('a stale fragment is served at once, and renewed with the items of its place', async () => {
    const { caches, clock } = stage()
    const { render } = engine(caches, {}, { staleFor: '1h' })
    const page = `each x, i in xs\n  +cache(10, 'item', x)\n    = '[' + x + i + ':' + version + ']'`
    await render(page, { xs: ['a', 'b'], version: 1 })
    clock.advance(11_000)
    expect(await render(page, { xs: ['a', 'b'], version: 2 })).toBe('[a0:1][b1:1]')
    await settled()
    expect(await render(page, { xs: ['a', 'b'], version: 3 })).toBe('[a0:2][b1:2]')
  })

  it('a plain template works over a cache in memory, and says what to do where it does not', () => {
    const { compile, locals, mark } = engine(stage().caches)
    const page = `each x in [1, 2]\n  +cache(500, 'item', x)\n    b= mark(x)\n    +cache(500, 'in')\n      | !`
    for (let i = 0; i < 2; i++) expect(compile(page)({ mark, ...locals })).toBe('<b>1</b>!<b>2</b>!')
    expect(mark).toHaveBeenCalledTimes(2)
    const far = engine(createCaches({ default: { backend: slow() } }))
    expect(() => far.compile(page)({ mark, ...far.locals })).toThrow(/this cache answers later/)
  })

  it('FRG-13 renders once for 200 at once; a dead backend renders the body', async () => {
    const page = `+cache(500, 'f')\n  = mark('x')`
    const { render, mark } = engine(createCaches({ default: { backend: slow() } }))
    const all = await Promise.all(Array.from({ length: 50 }, () => render(page)))
    expect(new Set(all)).toEqual(new Set(['x']))
    expect(mark).toHaveBeenCalledTimes(1)
    expect(await engine(createCaches({ default: { backend: dead() } })).render(page)).toBe('x')
  })

  it('A62 warns when a fragment that varies on nothing reads the user', async () => {
    const { render } = engine(stage().caches)
    for (const read of ['request.user.name', 'user.name', 'req.session.id']) {
      const warning = nextWarning('FRAGMENT_READS_USER')
      const name = `pug-${read.replaceAll('.', '')}`
      const data = { request: { user: { name: 1 } }, user: { name: 1 }, req: { session: { id: 1 } } }
      expect(await render(`+cache(500, '${name}')\n  = ${read}`, data)).toBe('1')
      expect((await warning).message).toContain(`"${name}"`)
    }
  })
})
