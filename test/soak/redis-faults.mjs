// @ts-check
/**
 * L11, T32: a site under a steady load through the page cache and `getOrSet`, while every ten seconds some fault befalls its
 * Redis for one to five seconds. No visitor may see a 5xx of the cache's making; of a hundred, 99 wait at most 300 ms longer than of
 * those who ask the source itself, at the same time; and a second and a half after the last fault all is well.
 */
import { Agent, createServer, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCaches } from 'stillwarm'
import { redis } from 'stillwarm/backends/redis'
import { pageCache } from 'stillwarm/http/node'
import { faultProxy } from 'stillwarm/testing'
import { startServer } from '../../bench/outage/server.mjs'
import { report, round, seeded, setting } from './measure.mjs'

const SECONDS = setting('SOAK_SECONDS', 1_800)
const RATE = setting('SOAK_RATE', 500)
const random = seeded(setting('SOAK_SEED', 1))
const EVERY = 10_000
/** How long the source takes for a page, in milliseconds. */
const SOURCE = 20

const server = await startServer()
const wire = await faultProxy(server)
// Of a slow server a fresh value costs several of its answers, and a stale one a single one.
const caches = createCaches({
  default: { backend: redis({ url: `redis://${wire.address}` }), ttl: 2, staleFor: 60 },
})
let changes = 0
caches.on('backend-down', () => changes++)
let crashes = 0
process.on('uncaughtException', () => crashes++)
process.on('unhandledRejection', () => crashes++)

/** What befalls it, and how it ends. @type {Record<string, [begin: () => unknown, end: () => unknown]>} */
const faults = {
  killed: [() => server.kill(), () => server.again()],
  frozen: [() => server.freeze(), () => server.thaw()],
  'a black hole': [
    () => {
      wire.requests = { hold: true }
      wire.answers = { hold: true }
    },
    calm,
  ],
  'late answers': [() => setAnswers({ delay: () => (random() < 0.02 ? 400 : 0) }), calm],
  'slow answers': [() => setAnswers({ delay: 200 }), calm],
  'answers cut': [() => setAnswers({ cutAfter: Math.floor(random() * 2_000) }), calm],
  'answers in bytes': [() => setAnswers({ split: 1 }), calm],
  'loading its data': [() => setAnswers({ corrupt: () => Buffer.from('-LOADING loading\r\n') }), calm],
  refusing: [
    () => {
      wire.accepts = false
      wire.reset()
    },
    () => {
      wire.accepts = true
    },
  ],
}

/** @param {import('stillwarm/testing').Faults} how */
function setAnswers(how) {
  wire.answers = how
}

function calm() {
  wire.requests = {}
  wire.answers = {}
}

/** @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response */
async function source({ url = '' }, response) {
  const value = url.startsWith('/value')
    ? await caches.default.getOrSet(`value:${url}`, () => sleep(SOURCE, `made of ${url}`))
    : await sleep(SOURCE, `page ${url}`)
  response.end(String(value))
}
const pages = pageCache(caches, { ttl: 2, staleWhileRevalidate: 60 }).wrap(source)
const site = createServer((request, response) =>
  request.url?.startsWith('/source') ? source(request, response) : pages(request, response),
).listen(0, '127.0.0.1')
site.keepAliveTimeout = 60_000
await new Promise((resolve) => site.once('listening', resolve))
const bound = site.address()
const port = typeof bound === 'object' && bound ? bound.port : 0
const agent = new Agent({ keepAlive: true, maxSockets: 1_000 })

/** By what was going on. @type {Record<string, number[]>} */
const waits = {}
let now = 'no fault'
const statuses = new Map()
/** @type {string[]} */
const wrong = []
let cached = 0

/** @param {string} path */
function visit(path) {
  const began = performance.now()
  const under = path.startsWith('/source') ? 'the source itself' : now
  get({ port, host: '127.0.0.1', path, agent }, (answer) => {
    let body = ''
    answer.setEncoding('utf8')
    answer.on('data', (text) => {
      body += text
    })
    answer.on('end', () => {
      waits[under] ??= []
      waits[under].push(performance.now() - began)
      statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1)
      if (!body.endsWith(path)) wrong.push(`${under}: ${path}: ${body}`)
      if (/hit/.test(String(answer.headers['cache-status']))) cached++
    })
  }).on('error', () => statuses.set('error', (statuses.get('error') ?? 0) + 1))
}

let over = false
let visits = 0
const visitors = (async () => {
  const began = performance.now()
  while (!over) {
    for (const due = ((performance.now() - began) / 1_000) * RATE; visits < due; visits++) {
      const kind = ['page', 'value', 'page', 'value', 'source'][visits % 5]
      visit(`/${kind}/${Math.floor(random() * 200)}`)
    }
    await sleep(2)
  }
})()

/** @type {Record<string, number>} */
const befell = {}
await sleep(2_000)
for (const end = performance.now() + SECONDS * 1_000; performance.now() < end; ) {
  const name = Object.keys(faults)[Math.floor(random() * Object.keys(faults).length)] ?? ''
  const [begin, stop] = faults[name] ?? [calm, calm]
  befell[name] = (befell[name] ?? 0) + 1
  const lasts = 1_000 + random() * 4_000
  now = name
  await begin()
  await sleep(lasts)
  await stop()
  now = 'no fault'
  await sleep(EVERY - lasts)
}
const [begin, stop] = faults.frozen ?? [calm, calm]
await begin()
await sleep(2_000)
await stop()
const ended = performance.now()
while (!((await caches.default.set('well', 1)) && (await caches.default.get('well')) === 1)) await sleep(5)
const well = performance.now() - ended
over = true
await visitors
await sleep(1_000)

/** @param {number[]} all @param {number} share */
function at(all, share) {
  const sorted = all.toSorted((a, b) => a - b)
  return Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? 0)
}
const { 'the source itself': alone = [], ...rest } = waits
const through = Object.values(rest).flat()
const answered = through.length + alone.length
const bad = [...statuses].filter(([status]) => status !== 200).reduce((sum, [, count]) => sum + count, 0)
report(
  'L11 T32 faults of Redis under a site',
  visits,
  {
    p50: at(through, 0.5),
    p99: at(through, 0.99),
    max: at(through, 1),
    sourceP99: at(alone, 0.99),
    p99By: Object.fromEntries(Object.entries(rest).map(([fault, all]) => [fault, at(all, 0.99)])),
    well: round(well),
    befell,
    changes,
    cached,
    wrong: wrong.slice(0, 5),
    statuses: [...statuses],
  },
  {
    'T32 no 5xx, and every visitor answered': bad === 0 && answered === visits,
    'L11 p99 ≤ that of the source + 300 ms': at(through, 0.99) <= at(alone, 0.99) + 300,
    'L11 well within 1.5 s of the last fault': well <= 1_500,
    'an answer of another path': wrong.length === 0,
    'T6 no crash': crashes === 0,
    'there were faults that were felt': changes > 0 && Object.keys(befell).length > 0,
    'there were hits': cached > visits / 100,
  },
)
process.exit()
