// @ts-check
/** What can go wrong, one thing at a time and two at once; each ends as it began, with everything whole. */

/**
 * @typedef {object} World
 * @property {{ kill(): Promise<void>, restart(): Promise<void> }} store
 * @property {{ kill(): Promise<void>, restart(): Promise<void> }} bus
 * @property {import('./fleet.mjs').Source} source
 * @property {import('./fleet.mjs').Node[]} nodes
 *
 * @typedef {object} Fault
 * @property {string} name
 * @property {string[]} on  what it takes; two that share something are never played at once
 * @property {() => unknown} begin
 * @property {() => unknown} end
 */

/**
 * @param {World} world
 * @returns {Fault[]}
 */
export function faults({ store, bus, source, nodes }) {
  const wires = (/** @type {'store' | 'bus'} */ to) => nodes.map((node) => node[to])
  return [
    { name: 'the store is killed', on: ['store'], begin: store.kill, end: store.restart },
    { name: 'the bus is killed', on: ['bus'], begin: bus.kill, end: bus.restart },
    { name: 'the store hangs', on: ['store'], ...silent(wires('store')) },
    { name: 'the bus hangs', on: ['bus'], ...silent(wires('bus')) },
    {
      name: 'the source is down',
      on: ['source'],
      begin: () => {
        source.answers = false
      },
      end: () => {
        source.answers = true
      },
    },
    ...nodes.flatMap((node, i) => [
      { name: `node ${i + 1} loses the store`, on: ['store'], ...cut(node.store) },
      { name: `node ${i + 1} loses the bus`, on: ['bus'], ...cut(node.bus) },
    ]),
  ]
}

/** Connected, and nothing comes. @param {import('stillwarm/testing').FaultProxy[]} wires */
function silent(wires) {
  const hold = (/** @type {boolean} */ held) => {
    for (const wire of wires) wire.answers = held ? { hold: true } : {}
  }
  return { begin: () => hold(true), end: () => hold(false) }
}

/** @param {import('stillwarm/testing').FaultProxy} wire */
function cut(wire) {
  return {
    begin: () => {
      wire.accepts = false
      wire.reset()
    },
    end: () => {
      wire.accepts = true
    },
  }
}

/** Numbers from 0 to 1 that a seed repeats. @param {number} seed */
export function dice(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
