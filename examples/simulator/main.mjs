// @ts-check
/**
 * A fleet of processes over one Redis and one bus, updated all the time while servers are killed, hang and are cut off: how long
 * after the last fault until every process says what the source says? `node examples/simulator/main.mjs --help`
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { dice, faults } from './chaos.mjs'
import { Node, Source } from './fleet.mjs'
import { picture, Screen } from './picture.mjs'
import { startRedis } from './servers.mjs'

const { values: options } = parseArgs({
  options: {
    nodes: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '60' },
    updates: { type: 'string', default: '200' },
    keys: { type: 'string', default: '60' },
    limit: { type: 'string', default: '3' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    help: { type: 'boolean', default: false },
  },
})

if (options.help) {
  console.log(`Usage: node main.mjs [options]

  --nodes <number>     processes (default: 3)
  --seconds <number>   how long there are faults (default: 60)
  --updates <number>   of the source, a second (default: 200)
  --keys <number>      that are updated (default: 60)
  --limit <seconds>    it fails when the processes agree later than so long after the last fault (default: 3)
  --seed <number>      plays the same faults again`)
} else {
  process.exitCode = (await simulate()) ? 0 : 1
}

/** How far a reader may be behind while nothing is wrong, in milliseconds. */
function behindBy() {
  return 100
}

async function simulate() {
  const keys = Array.from({ length: Number(options.keys) }, (_, i) => `key-${i}`)
  const random = dice(Number(options.seed))
  const [store, bus] = [await startRedis(), await startRedis()]
  const source = new Source()
  const nodes = await Promise.all(
    Array.from({ length: Number(options.nodes) }, () =>
      Node.start({ store: store.port, bus: bus.port }, source),
    ),
  )
  const screen = new Screen(process.stdout)
  const pick = (/** @type {any[]} */ from) => from[Math.floor(random() * from.length)]
  console.log(`${nodes.length} processes, ${options.updates} updates a second, seed ${options.seed}\n`)

  /** @type {Set<import('./chaos.mjs').Fault>} */
  const now = new Set()
  /** @type {Promise<unknown>[]} */
  const running = []
  const until = performance.now() + Number(options.seconds) * 1_000
  let [updates, played, wholeAt] = [0, 0, performance.now()]

  // Updates: the source first, then whoever changed it deletes or sets what his cache has. Those of one key wait for each other.
  const busy = new Set()
  const update = async (/** @type {string} */ key) => {
    busy.add(key)
    const value = source.change(key)
    const node = pick(nodes)
    await (random() < 0.7 ? node.ask('delete', [key]) : node.ask('set', [key, value]))
    source.settle(key)
    busy.delete(key)
  }
  running.push(
    (async () => {
      for (const began = performance.now(); performance.now() < until; await sleep(5)) {
        while (updates < ((performance.now() - began) / 1_000) * Number(options.updates)) {
          updates++
          const key = pick(keys)
          if (source.answers && !busy.has(key)) running.push(update(key))
        }
      }
    })(),
  )

  // Faults: two at once at most, and never two on one server.
  const all = faults({ store, bus, source, nodes })
  const play = async () => {
    while (performance.now() < until - 500) {
      await sleep(100 + 500 * random())
      const taken = new Set([...now].flatMap(({ on }) => on))
      const fault = pick(all.filter(({ on }) => !on.some((what) => taken.has(what))))
      const lasts = Math.min(200 + 1_800 * random(), until - performance.now())
      if (lasts < 100) return
      now.add(fault)
      played++
      await fault.begin()
      await sleep(lasts)
      await fault.end()
      now.delete(fault)
      wholeAt = performance.now()
    }
  }
  running.push(play(), play())

  // What a visitor of each process would see.
  let [reads, behind] = [0, 0]
  const look = async () => {
    const began = performance.now()
    const expected = keys.map((key) => source.at(key))
    const answers = await Promise.all(nodes.map((node) => node.ask('read', keys)))
    return answers.map((values) =>
      values.map((/** @type {number | null} */ value, /** @type {number} */ i) => {
        const { value: truth, settledAt } = expected[i] ?? { value: 0, settledAt: 0 }
        if (value === null) return 'no answer'
        // Newer than what it was when the question was asked is as good; older may be as old as news takes.
        return value >= truth || settledAt > began - behindBy() ? 'in step' : 'behind'
      }),
    )
  }
  while (performance.now() < until) {
    const rows = await look()
    reads += rows.length * keys.length
    behind += rows.flat().filter((state) => state === 'behind').length
    const caption = `${[...now].map(({ name }) => name).join(', ') || 'all is well'}`
    if (process.stdout.isTTY || reads % (rows.length * keys.length * 10) === 0) {
      screen.draw(picture(rows, caption, screen.coloured))
    }
    await sleep(100)
  }

  // The last fault is over, and so are the updates: from here it counts.
  await Promise.all(running)
  for (const key of keys) source.settle(key)
  const agreed = (/** @type {string[][]} */ rows) => rows.flat().every((state) => state === 'in step')
  await sleep(behindBy())
  let rows = await look()
  let agreedAt = performance.now()
  while (!agreed(rows) && performance.now() < wholeAt + 30_000) {
    screen.draw(picture(rows, 'the last fault is over', screen.coloured))
    await sleep(20)
    rows = await look()
    agreedAt = performance.now()
  }
  const after = Math.max(0, agreedAt - wholeAt) / 1_000
  // And it stays so.
  await sleep(1_500)
  rows = await look()
  const still = agreed(rows)
  screen.draw(picture(rows, '', screen.coloured))
  const share = ((100 * behind) / reads).toFixed(2)
  console.log(
    `${played} faults, ${updates} updates; during the faults ${share} % of ${reads} reads were more than ${behindBy()} ms behind.`,
  )
  const ok = still && after <= Number(options.limit)
  console.log(
    still
      ? `All agree with the source ${after.toFixed(2)} s after the last fault (at most ${options.limit} s).`
      : 'They do NOT agree.',
  )

  await Promise.all(nodes.map((node) => node.close()))
  store.end()
  bus.end()
  return ok
}
