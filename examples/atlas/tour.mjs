// @ts-check
/** What a cache does for a site, shown on this machine before the site opens. Every line was just run. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as atlas from './cities.mjs'
import { cachePages, createSite } from './site.mjs'

/**
 * @param {ReturnType<typeof import('./caches.mjs').openCaches>} caches
 * @param {string} directory
 */
export async function tour(caches, directory) {
  const cache = caches.default
  // A shared cache may still have them from an earlier tour.
  await cache.deleteMany(['tour:crowdedest', 'tour:count'])
  let loads = 0
  const crowdedest = () => {
    loads += 1
    return atlas.crowdedest()
  }

  // The same call, twice. The first has to go over every row 60 times.
  const cold = await timed(() => cache.getOrSet('tour:crowdedest', crowdedest))
  const warm = await timed(() => cache.getOrSet('tour:crowdedest', crowdedest))
  show('cold', 'around which city do most people live?', ms(cold.took))
  show(
    'warm',
    'the same question again',
    `${ms(warm.took)}, ${thousands(cold.took / warm.took)} times as fast`,
  )

  // 200 visitors ask at once for what is not there: one load serves them all.
  loads = 0
  await cache.delete('tour:crowdedest')
  const crowd = await timed(() =>
    Promise.all(Array.from({ length: 200 }, () => cache.getOrSet('tour:crowdedest', crowdedest))),
  )
  show(
    'crowd',
    `200 visitors at once on a cold key`,
    `${loads} load, ${crowd.value.length} answers, ${ms(crowd.took)}`,
  )

  // Many at once may count: incr is one atomic step.
  await Promise.all(Array.from({ length: 500 }, () => cache.incr('tour:count', 1, { initial: 0 })))
  show('count', `500 visitors at once on one counter`, `${await cache.get('tour:count')}`)

  // What is sent is made once, and anew after a purge. (A page itself would count a visit.)
  const site = createSite(caches).listen(0, '127.0.0.1')
  await once(site, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (site.address())
  const url = `http://127.0.0.1:${port}/style.css`
  const visit = async () => {
    const page = await fetch(url)
    await page.text()
    return page.headers.get('cache-status')?.split('; ')[1]
  }
  const visits = [await visit(), await visit()]
  await cachePages(caches).purge(url)
  show('pages', 'the style sheet, again, and after a purge', [...visits, await visit()].join(', '))
  site.close()

  // Another process writes and ends; this one reads what it left. A Date stays a Date.
  const { stdout } = await promisify(execFile)(process.execPath, [
    fileURLToPath(new URL('./earlier.mjs', import.meta.url)),
    directory,
  ])
  const letter = await caches.disk.get('tour:letter')
  const { from, at } = /** @type {{ from: number, at: Date }} */ (letter)
  if (from !== Number(stdout) || from === process.pid) throw new Error('the letter is from somebody else')
  show('restart', `process ${from} has ended; what it kept is here`, `written at ${at.toISOString()}`)
}

/**
 * @param {string} word
 * @param {string} what
 * @param {string} outcome
 */
function show(word, what, outcome) {
  console.log(`  ${word.padEnd(8)} ${what.padEnd(50)} ${outcome}`)
}

/**
 * @template T
 * @param {() => Promise<T>} work
 */
async function timed(work) {
  const start = performance.now()
  return { value: await work(), took: performance.now() - start }
}

/** @param {number} took */
function ms(took) {
  return `${took.toFixed(took < 10 ? 3 : 0)} ms`
}

/** @param {number} count */
function thousands(count) {
  return Math.round(count).toLocaleString('en')
}
