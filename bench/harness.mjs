// @ts-check
/**
 * What a measure is made of. Each contender runs in a process of its own (`contender.mjs`) and is asked for a round in
 * turn with the others (`run.mjs`), so that whatever else the machine does falls on all alike.
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const HERE = resolve(fileURLToPath(import.meta.url), '..')

/**
 * A module under `bench/` that exports `rows` is a measure.
 *
 * @typedef {object} Row
 * @property {string} name  the goal's number and the question
 * @property {string} unit  of the number a round answers; less is better
 * @property {string} limit  the contender that ratios are taken to
 * @property {Record<string, () => Round | Promise<Round>>} contenders  each makes its own cache, fills it and gives its round
 * @property {Goal[]} [goals]
 *
 * @typedef {() => number | Promise<number>} Round
 *
 * @typedef {object} Goal
 * @property {string} contender
 * @property {string} [of]  the contender it is compared with
 * @property {number} [times]  at least so many times as fast as `of`
 * @property {number} [atMost]  at most so much; with `of`, so much more than it
 */

/**
 * A round that runs `loop(n)` and answers nanoseconds per operation. `n` is found first, so that a round lasts about `ms`; finding
 * it warms the code up.
 *
 * @param {(n: number) => void | Promise<void>} loop
 * @param {number} ms
 * @returns {Round}
 */
export function timed(loop, ms = 100) {
  let n = 0
  const run = async (/** @type {number} */ count) => {
    const start = performance.now()
    await loop(count)
    return performance.now() - start
  }
  return async () => {
    if (n === 0) {
      for (n = 100; ; n *= 2) {
        if ((await run(n)) > ms / 2) break
      }
      for (let i = 0; i < 5; i++) n = Math.max(1, Math.round((n * ms) / (await run(n))))
    }
    return ((await run(n)) * 1e6) / n
  }
}

/**
 * A peer at its pinned version, from `bench/peers/`; installed on the first use.
 *
 * @param {string} name
 */
export async function peer(name) {
  const { load } = await import('./peers/load.mjs')
  return load(name)
}

/** Installs the peers, where they are not there yet. */
export function installPeers() {
  const home = join(HERE, 'peers')
  if (existsSync(join(home, 'node_modules'))) return
  execFileSync('npm', ['ci', '--no-progress', '--omit=optional', '--omit=peer'], {
    cwd: home,
    stdio: 'inherit',
  })
}
