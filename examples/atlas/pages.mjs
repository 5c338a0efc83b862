// @ts-check
/** The pages, as functions from figures to HTML. Whatever comes from data or from a visitor is escaped by `html`. */
import { nameOf } from './cities.mjs'

/** @typedef {import('./cities.mjs').City} City */

/** HTML that needs no more escaping. */
class Safe {
  /** @param {string} text */
  constructor(text) {
    this.text = text
  }
}

/**
 * A template whose values are escaped, lists joined, and nested templates left as they are.
 *
 * @param {TemplateStringsArray} parts
 * @param {...unknown} values
 */
function html(parts, ...values) {
  return new Safe(parts.reduce((text, part, i) => text + render(values[i - 1]) + part))
}

/**
 * @param {unknown} value
 * @returns {string}
 */
function render(value) {
  if (value instanceof Safe) return value.text
  if (Array.isArray(value)) return value.map(render).join('')
  if (typeof value === 'number') return value.toLocaleString('en')
  return String(value ?? '').replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}

/** @param {City[]} largest */
export function worldMap(largest) {
  return map(largest, { west: -180, east: 180, south: -58, north: 78 }).text
}

/** @param {City[]} cities */
export function closeMap(cities) {
  return map(cities).text
}

/** @param {Awaited<ReturnType<typeof import('./cities.mjs').countries>>} countries */
export function countryList(countries) {
  return html`<ol class="long">${countries.map((one) => html`<li><a href="/country/${one.code}">${one.name}</a> <span>${one.population}</span></li>`)}</ol>`
    .text
}

/** @typedef {{ note: string, visits: number | undefined }} Foot what the foot of each page says */

/**
 * @param {Awaited<ReturnType<typeof import('./cities.mjs').countries>>} countries
 * @param {City[]} largest
 * @param {Awaited<ReturnType<typeof import('./cities.mjs').crowdedest>>} crowdedest
 * @param {{ map: string, list: string }} fragments finished HTML
 * @param {Foot} foot
 */
export function world(countries, largest, crowdedest, { map, list }, foot) {
  const cities = countries.reduce((sum, one) => sum + one.cities, 0)
  return page(
    'The world',
    html`<p>${cities} cities in ${countries.length} countries. These are the ${largest.length} largest.</p>
      ${new Safe(map)}
      <h2>Where most people live within 100 km</h2>
      <ol class="long">${crowdedest.map(({ city, people }) => html`<li>${link(city)} <span>${people}</span></li>`)}</ol>
      <h2>Countries, by the people in their cities</h2>
      ${new Safe(list)}`,
    foot,
  )
}

/**
 * @param {NonNullable<Awaited<ReturnType<typeof import('./cities.mjs').country>>>} figures
 * @param {string} map finished HTML
 * @param {Foot} foot
 */
export function country(figures, map, foot) {
  const { code, cities, population, northernmost, southernmost, largest } = figures
  return page(
    nameOf(code),
    html`<p>${population} people in ${cities} cities, from ${link(southernmost)} in the south to ${link(northernmost)} in the north.</p>
      ${new Safe(map)}
      <h2>The largest</h2>
      <ol class="long">${largest.slice(0, 60).map((city) => html`<li>${link(city)} <span>${city.population}</span></li>`)}</ol>`,
    foot,
  )
}

/**
 * @param {NonNullable<Awaited<ReturnType<typeof import('./cities.mjs').city>>>} figures
 * @param {Foot} foot
 */
export function city({ city: own, nearest, within100km }, foot) {
  return page(
    own.name,
    html`<p>${own.population} people, <a href="/country/${own.country}">${nameOf(own.country)}</a>,
      at ${own.lat.toFixed(2)}°, ${own.lon.toFixed(2)}°. ${within100km} live within 100 km.</p>
      ${map([own, ...nearest.map(({ city: near }) => near)])}
      <h2>Nearest</h2>
      <ol>${nearest.map(({ city: near, km }) => html`<li>${link(near)} <span>${km.toFixed(1)} km</span></li>`)}</ol>`,
    foot,
  )
}

/**
 * @param {string} prefix
 * @param {Awaited<ReturnType<typeof import('./cities.mjs').search>>} figures
 * @param {Foot} foot
 */
export function search(prefix, { count, cities }, foot) {
  return page(
    `“${prefix}”`,
    html`<p>${count} cities begin so.</p>
      <ol>${cities.map((one) => html`<li>${link(one)}, ${nameOf(one.country)} <span>${one.population}</span></li>`)}</ol>`,
    foot,
    prefix,
  )
}

/** @param {string} title @param {string} text */
export function plain(title, text) {
  return page(title, html`<p>${text}</p>`)
}

/** @param {City} to */
function link(to) {
  return html`<a href="/city/${String(to.id)}">${to.name}</a>`
}

/**
 * Cities as dots, on a map just large enough for them or as large as told.
 *
 * @param {City[]} cities
 * @param {{ west: number, east: number, south: number, north: number }} [edges]
 */
function map(cities, edges) {
  const lons = cities.map(({ lon }) => lon)
  const lats = cities.map(({ lat }) => lat)
  const { west, east, south, north } = edges ?? {
    west: Math.min(...lons),
    east: Math.max(...lons),
    south: Math.min(...lats),
    north: Math.max(...lats),
  }
  // A degree of longitude is shorter, the further from the equator.
  const squeeze = edges ? 0.85 : Math.cos((((south + north) / 2) * Math.PI) / 180)
  const scale = Math.min(1000 / ((east - west) * squeeze || 1), 450 / (north - south || 1))
  const width = (east - west) * squeeze * scale
  const height = (north - south) * scale
  const dots = cities.map(({ name, lon, lat, population }) => {
    const x = ((lon - west) * squeeze * scale).toFixed(1)
    const y = ((north - lat) * scale).toFixed(1)
    const r = (edges ? 1 : 2) + Math.sqrt(population / 1e6) * (edges ? 1.2 : 3)
    return html`<circle cx="${x}" cy="${y}" r="${r.toFixed(1)}"><title>${name}</title></circle>`
  })
  const box = [-20, -20, width + 40, height + 40].map((side) => side.toFixed(0)).join(' ')
  return html`<svg viewBox="${box}" role="img" aria-label="Map">${dots}</svg>`
}

/**
 * @param {string} title
 * @param {Safe} body
 * @param {Foot} [foot]
 */
function page(title, body, foot, prefix = '') {
  return html`<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${title} · Atlas</title>
  <link rel="stylesheet" href="/style.css">
  <link rel="icon" href="data:,">
</head>
<body>
  <header>
    <a href="/">Atlas</a>
    <form action="/search"><input type="search" name="q" value="${prefix}" placeholder="A city begins with …" aria-label="A city begins with" maxlength="40" required></form>
  </header>
  <main><h1>${title}</h1>${body}</main>
  ${foot && html`<footer>${foot.note}${foot.visits === undefined ? '' : html` · ${foot.visits} pages served, restarts included`}</footer>`}
</body>
</html>
`.text
}

export const style = `
:root { color-scheme: light dark; --ink: light-dark(#1d2430, #dfe4ec); --quiet: light-dark(#667085, #8b95a7);
  --line: light-dark(#e3e6eb, #2b3240); --paper: light-dark(#fbfaf7, #14181f); --warm: light-dark(#c2410c, #fb923c) }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 62rem; padding: 0 1.25rem 3rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif }
a { color: inherit; text-decoration-color: var(--warm); text-underline-offset: .2em }
header { display: flex; align-items: center; justify-content: space-between; gap: 1rem; padding: 1rem 0; border-bottom: 1px solid var(--line) }
header a { font-weight: 700; text-decoration: none }
input { width: 16rem; max-width: 100%; padding: .4rem .8rem; border: 1px solid var(--line); border-radius: 2rem; background: transparent; color: inherit; font: inherit }
h1 { margin: 1.5rem 0 .25rem; font-size: 2rem; line-height: 1.2; text-wrap: balance; overflow-wrap: anywhere }
h2 { margin: 1.5rem 0 .5rem; font-size: 1.05rem }
svg { display: block; width: 100%; max-height: 28rem; margin: 1rem 0; border: 1px solid var(--line); border-radius: .75rem }
circle { fill: var(--warm); fill-opacity: .55 }
ol { margin: 0; padding: 0; list-style: none; font-variant-numeric: tabular-nums }
li { display: flow-root; padding: .2rem 0; border-bottom: 1px solid var(--line); break-inside: avoid }
li span { float: right; color: var(--quiet) }
.long { columns: 17rem; column-gap: 2.5rem }
footer { margin-top: 2.5rem; padding-top: .75rem; border-top: 1px solid var(--line); color: var(--quiet); font-size: .875rem }
`
