// @ts-check
/** 1,000 callers of one cold key whose load takes 50 ms: how many loads, how long do they wait, what does it cost? */
import { setTimeout } from 'node:timers/promises'
import { CONTENDERS } from './contenders.mjs'

const CALLERS = 1_000
const PRODUCER = 'one caller alone'
const NAMES = [
  'stillwarm memory',
  'layered-loader',
  'async-cache-dedupe',
  'cache-manager',
  'cacheable',
  'bentocache',
]

/** @type {(name: string, unit: string, what: 'wall' | 'cpu' | 'loads', goals: import('../harness.mjs').Goal[]) => import('../harness.mjs').Row} */
const row = (name, unit, what, goals) => ({
  name,
  unit,
  limit: PRODUCER,
  contenders: {
    [PRODUCER]: () => stampede(undefined, what),
    ...Object.fromEntries(NAMES.map((contender) => [contender, () => stampede(contender, what)])),
  },
  goals,
})

export const rows = [
  row('B1 time until the last of 1,000 callers is served', 'ms', 'wall', [
    { contender: 'stillwarm memory', of: PRODUCER, atMost: 1.5 },
  ]),
  row('B1 processor time for 1,000 callers', 'ms', 'cpu', [
    { contender: 'stillwarm memory', of: PRODUCER, atMost: 1 },
  ]),
  row('B1 loads for 1,000 callers', 'loads', 'loads', [{ contender: 'stillwarm memory', atMost: 1 }]),
]

/**
 * @param {string | undefined} name
 * @param {'wall' | 'cpu' | 'loads'} what
 */
async function stampede(name, what) {
  const cache = name === undefined ? undefined : await CONTENDERS[name]?.(10_000)
  let turn = 0
  return async () => {
    let loads = 0
    const load = async () => {
      loads += 1
      await setTimeout(50)
      return 'made'
    }
    const key = `cold:${turn++}`
    const cpu = process.cpuUsage()
    const start = performance.now()
    await (cache ? Promise.all(Array.from({ length: CALLERS }, () => cache.getOrSet?.(key, load))) : load())
    const wall = performance.now() - start
    const { user, system } = process.cpuUsage(cpu)
    return { wall, cpu: (user + system) / 1000, loads }[what]
  }
}
