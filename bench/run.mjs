// @ts-check
/**
 * `npm run bench [-- words] [--rounds 7] [--save] [--list]`: runs each measure under `bench/` whose path or row has one
 * of the words. A goal is met when its ratio holds by median and by minimum. `--save` keeps the figures in `bench/results/`.
 */
import { fork } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { build, install } from '../scripts/ready.mjs'
import { installPeers } from './harness.mjs'

const HERE = resolve(fileURLToPath(import.meta.url), '..')

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '7' },
    save: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
})

/** @typedef {{ median: number, min: number, rounds: number[] }} Figures */

install()
build()
installPeers()

for (const file of measures()) {
  /** @type {{ rows: import('./harness.mjs').Row[] }} */
  const { rows } = await import(pathToFileURL(file).href)
  const title = relative(HERE, file)
  const wanted = rows.filter(
    ({ name }) => words.length === 0 || words.some((word) => `${title} ${name}`.includes(word)),
  )
  /** @type {Record<string, unknown>} */
  const results = {}
  for (const row of wanted) {
    console.log(`\n${title} · ${row.name} · ${row.unit}`)
    if (options.list) continue
    const figures = await compare(file, row)
    show(row, figures)
    results[row.name] = { unit: row.unit, limit: row.limit, contenders: Object.fromEntries(figures) }
  }
  if (options.save && Object.keys(results).length > 0) save(title, results)
}

/** The modules below a folder of `bench/` that export rows; others there are their helpers, or run alone. */
function measures() {
  return readdirSync(HERE, { recursive: true, encoding: 'utf8' })
    .filter((path) => /^(?!peers|results).+[\\/].+\.mjs$/.test(path))
    .sort()
    .map((path) => join(HERE, path))
    .filter((path) => /^export const rows\b/m.test(readFileSync(path, 'utf8')))
}

/**
 * @param {string} file
 * @param {import('./harness.mjs').Row} row
 * @returns {Promise<Map<string, Figures>>}
 */
async function compare(file, row) {
  /** @type {Map<string, Awaited<ReturnType<typeof start>>>} */
  const running = new Map()
  try {
    for (const name of Object.keys(row.contenders)) running.set(name, await start(file, row.name, name))
    const rounds = new Map([...running.keys()].map((name) => [name, /** @type {number[]} */ ([])]))
    for (let i = 0; i < Number(options.rounds); i++) {
      for (const [name, contender] of running) rounds.get(name)?.push(await contender.round())
    }
    return new Map(
      [...rounds].map(([name, all]) => {
        const sorted = all.toSorted((a, b) => a - b)
        const [median = Number.NaN] = sorted.slice(Math.floor((sorted.length - 1) / 2))
        return [name, { median, min: sorted[0] ?? Number.NaN, rounds: all }]
      }),
    )
  } finally {
    for (const { end } of running.values()) end()
  }
}

/**
 * One contender in a process of its own, made, filled and warmed up.
 *
 * @param {string} file
 * @param {string} row
 * @param {string} contender
 */
async function start(file, row, contender) {
  const child = fork(join(HERE, 'contender.mjs'), [file, row, contender], {
    execArgv: ['--expose-gc', '--max-semi-space-size=16'],
  })
  /** @returns {Promise<unknown>} */
  const answer = () =>
    new Promise((done, fail) => {
      const ended = () => fail(new Error(`${contender} ended in the middle of ${row}`))
      child.once('exit', ended)
      child.once('message', (message) => {
        child.off('exit', ended)
        done(message)
      })
    })
  await answer()
  return {
    async round() {
      child.send('round')
      return Number(await answer())
    },
    end: () => child.kill(),
  }
}

/**
 * @param {import('./harness.mjs').Row} row
 * @param {Map<string, Figures>} figures
 */
function show(row, figures) {
  const limit = figures.get(row.limit)
  for (const [name, { median, min }] of [...figures].sort(([, a], [, b]) => a.median - b.median)) {
    const ratio = limit
      ? `${(limit.median / median).toPrecision(3)}× · ${(limit.min / min).toPrecision(3)}×`
      : ''
    console.log(
      `  ${name.padEnd(34)} ${number(median)} ${number(min)}   ${ratio}${name === row.limit ? ' (limit)' : ''}`,
    )
  }
  for (const goal of row.goals ?? []) {
    const mine = figures.get(goal.contender)
    const other = goal.of === undefined ? undefined : figures.get(goal.of)
    if (!mine || (goal.of !== undefined && !other)) throw new Error(`${row.name}: a goal names no contender`)
    const reach = (/** @type {'median' | 'min'} */ by) =>
      goal.times === undefined ? mine[by] - (other?.[by] ?? 0) : (other?.[by] ?? Number.NaN) / mine[by]
    const holds = (/** @type {'median' | 'min'} */ by) =>
      goal.times === undefined ? reach(by) <= (goal.atMost ?? 0) : reach(by) >= goal.times
    const met = holds('median') && holds('min')
    const what =
      goal.times === undefined
        ? `at most ${goal.atMost} ${row.unit}${goal.of ? ` over ${goal.of}` : ''}`
        : `≥ ${goal.times}× ${goal.of}`
    console.log(
      `  ${met ? 'met    ' : 'NOT MET'} ${goal.contender} ${what}: ${reach('median').toPrecision(3)} by median, ${reach('min').toPrecision(3)} by minimum`,
    )
  }
}

/** @param {number} value */
function number(value) {
  return (value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)).padStart(10)
}

/**
 * @param {string} title
 * @param {Record<string, unknown>} rows
 */
function save(title, rows) {
  const path = join(HERE, 'results', title.replace(/\.mjs$/, '.json'))
  const [cpu] = cpus()
  mkdirSync(dirname(path), { recursive: true })
  const machine = {
    cpu: cpu?.model,
    cores: cpus().length,
    memory: totalmem(),
    kernel: release(),
    node: process.version,
  }
  const peers = JSON.parse(readFileSync(join(HERE, 'peers', 'package.json'), 'utf8')).dependencies
  writeFileSync(
    path,
    `${JSON.stringify({ date: new Date().toISOString(), machine, peers, rows }, null, 1)}\n`,
  )
  console.log(`  kept in bench/results/${title.replace(/\.mjs$/, '.json')}`)
}
