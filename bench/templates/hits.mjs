// @ts-check
/**
 * What does a hit add to a render, over a string kept by hand in a Map? (30 µs at most.) And a page of 20 fragments, whose bodies
 * take 5 ms each, when all are warm? (2 ms at most.) On the memory backend, as in production.
 */

import Handlebars from 'handlebars'
import { raw } from 'hono/html'
import { jsx } from 'hono/jsx'
import { Liquid } from 'liquidjs'
import nunjucks from 'nunjucks'
import pug from 'pug'
import { createCaches, memory } from 'stillwarm'
import { cacheFragment } from 'stillwarm/templates'
import { cacheTag as ejsTag } from 'stillwarm/templates/ejs'
import { cacheTag as handlebarsTag } from 'stillwarm/templates/handlebars'
import { cacheTag as jsxTag } from 'stillwarm/templates/hono-jsx'
import { cacheTag as liquidTag } from 'stillwarm/templates/liquid'
import { cacheTag as nunjucksTag } from 'stillwarm/templates/nunjucks'
import { cacheTag as pugTag } from 'stillwarm/templates/pug'
import { timed } from '../harness.mjs'

const HTML = '<ul><li>one</li><li>two</li></ul>'.repeat(30)
const VARY = 'ann'
const MS = 5

process.env.NODE_ENV = 'production'

/** @type {Record<string, () => { tag: () => unknown, hand: () => unknown }>} each renders a page with one fragment in it, two ways */
const ENGINES = {
  cacheFragment: () => {
    const caches = warm()
    const kept = new Map([[VARY, HTML]])
    return {
      tag: () => cacheFragment(caches, 'side', () => HTML, { ttl: 500, varyOn: [VARY] }),
      hand: async () => kept.get(VARY),
    }
  },
  nunjucks: () => {
    const env = new nunjucks.Environment()
    env.addExtension('cache', nunjucksTag(warm()))
    const tag = nunjucks.compile('<p>{% cache 500 side user %}{{ html | safe }}{% endcache %}</p>', env)
    const hand = nunjucks.compile('<p>{{ kept.get(user) | safe }}</p>', env)
    const data = { user: VARY, html: HTML, kept: new Map([[VARY, HTML]]) }
    const render = (/** @type {nunjucks.Template} */ template) => () =>
      new Promise((done, fail) => template.render(data, (error, html) => (error ? fail(error) : done(html))))
    return { tag: render(tag), hand: render(hand) }
  },
  liquid: () => {
    const engine = new Liquid()
    engine.plugin(liquidTag(warm()))
    const kept = new Map([[VARY, HTML]])
    engine.registerFilter('kept', (user) => kept.get(user))
    const tag = engine.parse('<p>{% cache 500 side user %}{{ html }}{% endcache %}</p>')
    const hand = engine.parse('<p>{{ user | kept }}</p>')
    const data = { user: VARY, html: HTML }
    return { tag: () => engine.render(tag, data), hand: () => engine.render(hand, data) }
  },
  handlebars: () => {
    const { helper, render } = handlebarsTag(warm())
    const engine = Handlebars.create()
    const kept = new Map([[VARY, HTML]])
    engine.registerHelper({ cache: helper, kept: (user) => new Handlebars.SafeString(kept.get(user) ?? '') })
    const tag = engine.compile('<p>{{#cache 500 "side" user}}{{{html}}}{{/cache}}</p>')
    const hand = engine.compile('<p>{{kept user}}</p>')
    const data = { user: VARY, html: HTML }
    return { tag: () => render(tag, data), hand: async () => hand(data) }
  },
  pug: () => {
    const { plugin, render } = pugTag(warm())
    const kept = new Map([[VARY, HTML]])
    const tag = pug.compile('p\n  +cache(500, "side", user)\n    != html', pluginOf(plugin))
    const hand = pug.compile('p\n  != kept.get(user)', { compileDebug: false })
    const data = { user: VARY, html: HTML, kept }
    return { tag: () => render(tag, data), hand: async () => hand(data) }
  },
  'hono jsx': () => {
    const Cache = jsxTag(warm())
    const kept = new Map([[VARY, HTML]])
    const Hand = async () => raw(kept.get(VARY) ?? '')
    return {
      tag: async () =>
        String(
          await jsx('p', {}, jsx(Cache, { ttl: 500, name: 'side', varyOn: [VARY] }, raw(HTML))).toString(),
        ),
      hand: async () => String(await jsx('p', {}, jsx(Hand, {})).toString()),
    }
  },
}

/** @param {object} plugin */
function pluginOf(plugin) {
  return { compileDebug: false, plugins: [plugin] }
}

function warm() {
  return createCaches({ default: { backend: memory() } })
}

/** @param {() => unknown} render */
function oneByOne(render) {
  return timed(async (n) => {
    for (let i = 0; i < n; i++) await render()
  })
}

function ejsPage() {
  const cache = ejsTag(warm())
  const body = () => new Promise((done) => setTimeout(() => done(HTML), MS))
  return async () => {
    for (let i = 0; i < 20; i++) await cache(500, 'part', i, body)
  }
}

function nunjucksPage() {
  const env = new nunjucks.Environment()
  env.addExtension('cache', nunjucksTag(warm()))
  env.addFilter('slow', (html, done) => setTimeout(() => done(null, html), MS), true)
  const source =
    '{% for i in range(20) %}{% cache 500 part i %}{{ html | slow | safe }}{% endcache %}{% endfor %}'
  const template = nunjucks.compile(source, env)
  return () =>
    new Promise((done, fail) =>
      template.render({ html: HTML }, (error, html) => (error ? fail(error) : done(html))),
    )
}

function liquidPage() {
  const engine = new Liquid()
  engine.plugin(liquidTag(warm()))
  engine.registerFilter('slow', (html) => new Promise((done) => setTimeout(() => done(html), MS)))
  const page = engine.parse(
    '{% for i in (1..20) %}{% cache 500 part i %}{{ html | slow }}{% endcache %}{% endfor %}',
  )
  return () => engine.render(page, { html: HTML })
}

/** @type {import('../harness.mjs').Row[]} */
export const rows = [
  ...Object.entries(ENGINES).map(([engine, make]) => ({
    name: `a fragment's hit in ${engine}`,
    unit: 'ns',
    limit: 'kept by hand',
    contenders: {
      'stillwarm tag': () => oneByOne(make().tag),
      'kept by hand': () => oneByOne(make().hand),
    },
    goals: [{ contender: 'stillwarm tag', of: 'kept by hand', atMost: 30_000 }],
  })),
  {
    name: 'a page of 20 warm fragments of 5 ms each',
    unit: 'ns',
    limit: 'nunjucks',
    contenders: Object.fromEntries(
      Object.entries({ nunjucks: nunjucksPage, liquid: liquidPage, ejs: ejsPage }).map(([name, make]) => [
        name,
        async () => {
          const render = make()
          await render()
          return oneByOne(render)
        },
      ]),
    ),
    goals: ['nunjucks', 'liquid', 'ejs'].map((contender) => ({ contender, atMost: 2_000_000 })),
  },
]
