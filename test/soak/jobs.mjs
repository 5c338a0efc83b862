// @ts-check
/**
 * F61, F71, L9, T9, T19: a fleet over a queue. Cold, stale and invalidated keys are loaded once for 4 processes with 50 callers each; and
 * with a worker killed every 200 ms ten thousand refreshes are lost to none, hardly one is done twice, and each value is the last.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createCaches } from 'stillwarm'
import { redis } from 'stillwarm/backends/redis'
import { defineJob } from 'stillwarm/refresh'
import { bullmq } from 'stillwarm/refresh/bullmq'
import { pgBoss } from 'stillwarm/refresh/pg-boss'
import { report, round, setting } from './measure.mjs'

const ENGINE = process.env.SOAK_ENGINE ?? 'bullmq'
const TASKS = setting('SOAK_TASKS', 10_000)
const KILL_EVERY = setting('SOAK_KILL_EVERY', 200)
const WORKERS = 4
const PROCESS = fileURLToPath(new URL('../refresh/runners/process.mjs', import.meta.url))

const directory = mkdtempSync(join(tmpdir(), 'stillwarm-jobs-'))
chmodSync(directory, 0o755)
/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
})

/** @param {string} program @param {string[]} args @param {object} [options] */
function run(program, args, options = {}) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], ...options })
  children.add(child)
  child.on('exit', () => children.delete(child))
  return child
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  return typeof address === 'object' && address ? address.port : 0
}

/** @param {number} port */
async function listening(port) {
  for (let tries = 0; tries < 1_000; tries++) {
    const socket = connect(port, '127.0.0.1')
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (open) return
    await sleep(20)
  }
  throw new Error('a server does not answer')
}

/** @param {string[]} [more] */
async function startRedis(more = []) {
  const port = await freePort()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', '', ...more]
  run('redis-server', args, { stdio: 'ignore' })
  await listening(port)
  return `redis://127.0.0.1:${port}`
}

async function startPostgres() {
  const port = await freePort()
  const home = '/usr/lib/postgresql'
  const version = existsSync(home) ? readdirSync(home).sort((a, b) => Number(b) - Number(a))[0] : ''
  const bin = join(home, String(version), 'bin')
  const asRoot = process.getuid?.() === 0
  const id = (/** @type {string} */ flag) =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  const user = asRoot ? { uid: id('-u'), gid: id('-g') } : {}
  const data = join(directory, 'data')
  if (user.uid !== undefined) chownSync(directory, user.uid, user.gid)
  const init = ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync']
  execFileSync(join(bin, 'initdb'), init, { ...user, cwd: directory, stdio: 'ignore' })
  const set = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off', 'max_connections=60']
  const args = ['-D', data, '-p', String(port), ...set.flatMap((one) => ['-c', one])]
  run(join(bin, 'postgres'), args, { ...user, stdio: 'ignore' })
  await listening(port)
  await sleep(500)
  return `postgres://postgres@127.0.0.1:${port}/postgres`
}

const cacheUrl = await startRedis()
const connection = ENGINE === 'bullmq' ? await startRedis(['--appendonly', 'yes']) : await startPostgres()

/** A job, its processes, and its log. @param {string} prefix @param {{ lifetime: import('stillwarm').Ttl & {} }} job @param {object} [how] */
function fleet(prefix, job, how = {}) {
  const log = join(directory, `${prefix}.log`)
  const options = { connection, queue: prefix, opTimeout: 10_000 }
  const backend = redis({ url: cacheUrl, opTimeout: 5_000 })
  const caches = createCaches({
    default: { backend, keyPrefix: prefix },
    source: { backend, keyPrefix: `${prefix}-source`, ttl: null },
  })
  const runner = ENGINE === 'bullmq' ? bullmq(options) : pgBoss(options)
  const counted = defineJob({
    name: 'counted',
    cache: caches.default,
    runner,
    ...job,
    load: async (/** @type {number} */ _n) => 'loaded by who asked',
  })
  return {
    source: caches.source,
    job: counted,
    /** @param {string} role @param {object} [more] */
    start(role, more = {}) {
      const told = { role, engine: ENGINE, cacheUrl, prefix, log, options, job, ...how, ...more }
      const child = run(process.execPath, [PROCESS, JSON.stringify(told)])
      let text = ''
      child.stdout?.on('data', (bytes) => {
        text += bytes
      })
      const said = () => text.split('\n').filter(Boolean)
      return { child, said }
    },
    /** What the processes noted, in its order: what happened, to which task, in which process. */
    notes() {
      const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter(Boolean) : []
      return lines.map((line) => {
        const [what, n, pid, key] = line.split(' ')
        return { what, n: Number(n), pid: Number(pid), key }
      })
    },
    /** How often it was loaded to its end. @param {number} n */
    loads(n) {
      return this.notes().filter((note) => note.what === 'end' && note.n === n).length
    },
    async close() {
      await runner.close()
      await caches.close()
    },
  }
}

/** @param {() => unknown} isSo @param {number} [within] */
async function until(isSo, within = 60_000, every = 20) {
  const end = performance.now() + within
  while (!(await isSo())) {
    if (performance.now() > end) return false
    await sleep(every)
  }
  return true
}

/** One key: loads after the cold round, after it was stale, after it was invalidated. */
async function stampedes() {
  const of = fleet('stampede', { lifetime: '4s' }, { loadMs: 100 })
  const { start, job, close } = of
  const web = Array.from({ length: 4 }, () => start('stampede', { callers: 50 }))
  const worker = start('work')
  await until(() => [...web, worker].every(({ said }) => said().includes('ready')))
  let rounds = 1
  const all = async () => {
    rounds++
    for (const { child } of web) child.stdin?.write('go\n')
    await until(() => web.every(({ said }) => said().length === rounds))
  }
  const isFresh = async () => (await job.inspect(1)).status === 'fresh'
  await all()
  const cold = of.loads(1)
  await until(async () => !(await isFresh()))
  await all()
  await until(isFresh)
  const stale = of.loads(1) - cold
  await job.invalidate(1)
  await all()
  await until(isFresh)
  const invalidated = of.loads(1) - cold - stale
  for (const { child } of [...web, worker]) child.kill('SIGKILL')
  await close()
  return { cold, stale, invalidated }
}

/**
 * What became of the loads, and how often. Only one that was in the hands of a worker as it was killed may be for nothing: whether it was
 * stored, nobody else can know.
 *
 * @param {{ what: string | undefined, n: number, pid: number }[]} notes
 * @param {Set<number | undefined>} killed
 */
function fates(notes, killed) {
  /** @type {Map<string, { n: number, pid: number, fate: string }>} */
  const running = new Map()
  const loads = []
  for (const { what = '', n, pid } of notes) {
    const id = `${n} ${pid}`
    if (what === 'start') {
      const load = { n, pid, fate: 'started' }
      running.set(id, load)
      loads.push(load)
    }
    const load = running.get(id)
    if (load && ['end', 'set', 'late'].includes(what)) load.fate = what
  }
  /** @type {Record<string, number>} */
  const counts = {}
  for (const load of loads) {
    const fate = load.fate !== 'set' && killed.has(load.pid) ? `${load.fate}, killed` : load.fate
    counts[fate] = (counts[fate] ?? 0) + 1
  }
  return counts
}

async function kills() {
  const of = fleet('kills', { lifetime: '2h' }, { loadMs: 5 })
  const { start, job, source, close } = of
  const all = Array.from({ length: TASKS }, (_, n) => n)
  const keys = new Map(all.map((n) => [job.key(n), n]))
  /** @param {(n: number) => Promise<unknown>} act */
  const each = async (act) => {
    for (let n = 0; n < TASKS; n += 100) await Promise.all(all.slice(n, n + 100).map(act))
  }
  await each((n) => job.set([n], 'old'))
  await source.set('all', 'new')
  const began = performance.now()
  let workers = Array.from({ length: WORKERS }, () => start('work'))
  /** @type {Set<number | undefined>} */
  const killed = new Set()
  let killing = true
  const killer = (async () => {
    while (killing) {
      await sleep(KILL_EVERY)
      // One that works, while half of them do: on a busy machine a process takes longer to begin than to be killed.
      const [victim, ...others] = workers.filter(({ said }) => said().includes('ready'))
      if (!victim || others.length < WORKERS / 2) continue
      victim.child.kill('SIGKILL')
      killed.add(victim.child.pid)
      workers = [...workers.filter((one) => one !== victim), start('work')]
    }
  })()
  await each((n) => job.invalidate(n))
  const asked = performance.now() - began
  // Stored as somebody noted, or found so by the next who was given the task. (To look at every value costs more than to make it.)
  const done = () => {
    const those = of.notes().filter(({ what }) => what === 'set' || what === 'skip')
    return new Set(those.map(({ n, key }) => (n < 0 ? keys.get(key ?? '') : n))).size
  }
  // The last few are let be: with nobody killed any more what is left must be done.
  await until(() => done() >= TASKS * 0.99, 300_000, 1_000)
  killing = false
  await killer
  await until(() => done() === TASKS, 120_000, 1_000)
  const seconds = (performance.now() - began) / 1_000
  await sleep(3_000)
  let lost = 0
  for (let n = 0; n < TASKS; n += 500) {
    const found = await Promise.all(all.slice(n, n + 500).map((one) => job.inspect(one)))
    lost += found.filter(({ status, value }) => status !== 'fresh' || value !== 'new').length
  }
  for (const { child } of workers) child.kill('SIGTERM')
  const inOrder = await Promise.all(
    workers.map(({ child }) =>
      Promise.race([once(child, 'exit').then(([code]) => code), sleep(20_000, 'late', { ref: false })]),
    ),
  )
  await close()
  const notes = of.notes()
  const found = fates(notes, killed)
  const forNothing = Object.entries(found).filter(([fate]) => fate !== 'set' && !fate.endsWith('killed'))
  /** @param {string} which */
  const twice = (which) => {
    const those = notes.filter(({ what }) => what === which).map(({ n }) => n)
    return those.length - new Set(those).size
  }
  return {
    killed: killed.size,
    askedInMs: round(asked),
    seconds: round(seconds),
    lost,
    storedAgain: twice('set'),
    loadedAgain: twice('end'),
    fates: found,
    forNothing: forNothing.reduce((sum, [, count]) => sum + count, 0),
    faults: notes.filter(({ what }) => what === 'fault').length,
    inOrder,
  }
}

const once4x50 = await stampedes()
const deadly = await kills()
report(
  `F61 F71 jobs on ${ENGINE}`,
  TASKS,
  { ...once4x50, ...deadly },
  {
    'T9 one load of a cold key': once4x50.cold === 1,
    'one load of a stale key': once4x50.stale === 1,
    'one load of an invalidated key': once4x50.invalidated === 1,
    'L9 none lost, the last value right': deadly.lost === 0,
    'L9 ≤ 1 % done twice': deadly.loadedAgain <= TASKS / 100,
    'hardly a load for nothing but in the hands of the killed': deadly.forNothing <= TASKS / 100,
    'workers told to end end well': deadly.inOrder.every((code) => code === 0),
  },
)
// Its servers would keep it from ending.
for (const child of children) child.kill('SIGKILL')
