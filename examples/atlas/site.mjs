// @ts-check
/** The site: which address shows what, and the one place where the cache stands between a visitor and the work. */
import { createServer } from 'node:http'
import { pageCache } from 'stillwarm/http/node'
import { cacheFragment } from 'stillwarm/templates'
import * as atlas from './cities.mjs'
import { defineRankings } from './jobs.mjs'
import * as pages from './pages.mjs'

/**
 * Whole pages for ten seconds; for a minute after that the old one is served at once, and made anew behind it.
 *
 * @param {ReturnType<typeof import('./caches.mjs').openCaches>} caches
 */
export function cachePages(caches) {
  return pageCache(caches, { alias: 'pages', ttl: '10s', staleWhileRevalidate: '1m' })
}

/**
 * @param {ReturnType<typeof import('./caches.mjs').openCaches>} caches
 */
export function createSite(caches, rankings = defineRankings(caches)) {
  return createServer(cachePages(caches).wrap(answer))

  /**
   * @param {import('node:http').IncomingMessage} request
   * @param {import('node:http').ServerResponse} response
   */
  async function answer(request, response) {
    const start = performance.now()
    try {
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return send(response, 405, pages.plain('Not allowed', 'Pages here are only for reading.'))
      const url = new URL(request.url ?? '/', 'http://atlas')
      if (url.pathname === '/style.css') return send(response, 200, pages.style, 'text/css')
      const body = await show(url, start)
      if (body) send(response, 200, body)
      else send(response, 404, pages.plain('Not found', 'There is no such place in this atlas.'))
    } catch (error) {
      console.error(error)
      send(response, 500, pages.plain('Something broke', 'The atlas could not make this page.'))
    }
  }

  /**
   * @param {URL} url
   * @param {number} start
   * @returns {Promise<string | undefined>} the page, where there is one
   */
  async function show(url, start) {
    const [, kind = '', name = '', ...rest] = url.pathname.split('/')
    if (rest.length > 0) return undefined

    if (kind === '' && name === '') {
      const [countries, largest, crowdedest] = await Promise.all([
        rankings.countries.get(),
        rankings.largest.get(),
        rankings.crowdedest.get(),
      ])
      const [map, list] = await Promise.all([
        cacheFragment(caches, 'map', () => pages.worldMap(largest)),
        cacheFragment(caches, 'countries', () => pages.countryList(countries)),
      ])
      return pages.world(
        countries,
        largest,
        crowdedest,
        { map, list },
        await foot(rankings.crowdedest.key(), start),
      )
    }
    if (kind === 'country' && /^[A-Z]{2}$/.test(name)) {
      const figures = await warm(`country:${name}`, () => atlas.country(name))
      if (!figures) return undefined
      // One fragment a country: it varies on the code.
      const map = await cacheFragment(caches, 'map', () => pages.closeMap(figures.largest), {
        varyOn: [name],
      })
      return pages.country(figures, map, await foot(`country:${name}`, start))
    }
    if (kind === 'city' && /^\d{1,9}$/.test(name)) {
      const figures = await warm(`city:${name}`, () => atlas.city(Number(name)))
      return figures && pages.city(figures, await foot(`city:${name}`, start))
    }
    const prefix = url.searchParams.get('q')?.trim().slice(0, 40)
    if (kind === 'search' && name === '' && prefix) {
      const key = `search:${prefix.toLowerCase()}`
      return pages.search(prefix, await warm(key, () => atlas.search(prefix)), await foot(key, start))
    }
    return undefined
  }

  /**
   * Fresh for ten minutes; for an hour after that the old answer is served at once, and made anew behind it. A place that
   * does not exist (`undefined`) is not kept.
   *
   * @template T
   * @param {string} key
   * @param {() => Promise<T>} load
   * @returns {Promise<T>}
   */
  function warm(key, load) {
    return caches.default.getOrSet(key, load, { ttl: '10m', staleFor: '1h' })
  }

  /**
   * @param {string} key
   * @param {number} start
   * @returns {Promise<import('./pages.mjs').Foot>}
   */
  async function foot(key, start) {
    const { status, age } = await caches.default.inspect(key)
    const visits = await caches.disk.incr('visits', 1, { initial: 0, ttl: null })
    return {
      note: `${status}, made ${(age ?? 0).toFixed(0)} s ago, served in ${(performance.now() - start).toFixed(1)} ms`,
      visits,
    }
  }
}

/**
 * @param {import('node:http').ServerResponse} response
 * @param {number} status
 * @param {string} body
 */
function send(response, status, body, type = 'text/html') {
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'content-length': Buffer.byteLength(body),
    'content-security-policy':
      "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    'x-content-type-options': 'nosniff',
    ...(status === 405 && { allow: 'GET, HEAD' }),
  })
  response.end(body)
}
