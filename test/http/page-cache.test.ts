/** The whole page cache against an oracle: whatever is asked and answered, nobody gets what was made for another. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { memory } from '../../src/backends/memory.ts'
import { makeCaches } from '../../src/core/caches.ts'
import type { PageCache } from '../../src/http/page-cache.ts'
import type { PageCacheOptions } from '../../src/http/page-options.ts'
import { Pages } from '../../src/http/pages.ts'
import { hasVary } from '../../src/http/policy/patch-vary.ts'
import type { Reply, Visit } from '../../src/http/visit.ts'
import { fakeClock } from '../../src/testing/clock.ts'

interface Answer {
  control: string | undefined
  vary: string | undefined
  setsCookie: boolean
  reads: readonly string[]
  status: number
}
interface Question {
  method: string
  host: string
  target: string
  fields: Record<string, string | undefined>
  answer: Answer
}
interface Made {
  by: Question
  at: number
  /** How many invalidations its URL had seen. */
  epoch: number
}

/** Mostly nothing, so that there is something to be stored. */
const maybe = (...values: string[]) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(...values) },
  )
const answers: fc.Arbitrary<Answer> = fc.record({
  control: maybe(
    'max-age=30',
    'public',
    'private',
    'no-store',
    'no-cache',
    's-maxage=20',
    'PRIVATE=""',
    'max-age=0',
  ),
  vary: maybe('x-a', 'Cookie', 'Authorization', '*', 'x-a, cookie', ' X-A ,, '),
  setsCookie: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  reads: fc.constantFrom([], [], [], [], [], ['cookie'], ['authorization'], ['cookie', 'authorization']),
  status: fc.constantFrom(200, 200, 200, 200, 200, 200, 404, 500, 302),
})
const questions: fc.Arbitrary<Question> = fc.record({
  method: fc.constantFrom('GET', 'GET', 'GET', 'GET', 'GET', 'GET', 'HEAD', 'POST'),
  host: fc.constantFrom('a.test', 'a.test', 'a.test', 'b.test'),
  target: fc.constantFrom('/', '/?x'),
  fields: fc.record({
    cookie: maybe('u=1', 'u=2'),
    authorization: maybe('Basic 1', 'Basic 2'),
    'x-a': maybe('', '1'),
    'x-forwarded-host': maybe('evil.test'),
    'cache-control': maybe('no-store', 'no-cache'),
    'accept-language': maybe('en'),
  }),
  answer: answers,
})
const batches = fc.array(
  fc.record({
    wait: fc.constantFrom(0, 1, 15_000, 40_000),
    asked: fc.array(questions, { minLength: 1, maxLength: 3 }),
  }),
  { minLength: 2, maxLength: 12 },
)

/** One process's life: what was made, and who got it. */
async function live(
  list: typeof batches extends fc.Arbitrary<infer T> ? T : never,
  options: PageCacheOptions,
) {
  const clock = fakeClock()
  const caches = makeCaches({ default: { backend: memory() } }, { clock }, () => {
    throw new Error('pages go through no codec')
  })
  const cache: PageCache = new Pages(caches, options).site
  const made: Made[] = []
  const epochs = new Map<string, number>()
  const urlOf = ({ host, target }: Question) => host + target
  let served = 0

  const judge = ({ status, body, lines }: Reply, asked: Question, came: number) => {
    if (status === 504 || body === undefined) return
    served++
    const page = made[Number(body.toString())]!
    const { by } = page
    const { control = '', vary = '', setsCookie, reads } = by.answer
    const told = JSON.stringify({ by, asked })
    expect(urlOf(by), told).toBe(urlOf(asked))
    expect(control, told).not.toMatch(/private|no-store|no-cache|max-age=0/i)
    expect(setsCookie, told).toBe(false)
    expect(by.answer.status, told).toBe(200)
    expect(by.method, told).toBe('GET')
    expect(by.fields['cache-control'], told).not.toBe('no-store')
    expect(vary, told).not.toContain('*')
    for (const name of ['cookie', 'authorization', 'x-a', 'x-forwarded-host']) {
      const declared = hasVary(vary, name) || name === 'x-forwarded-host'
      const read = reads.includes(name)
      if (declared) expect(asked.fields[name], told).toBe(by.fields[name])
      else if (read) expect([asked.fields[name], by.fields[name]], told).toEqual([undefined, undefined])
    }
    for (const one of [by, asked]) {
      if (one.fields.authorization) expect(control, told).toMatch(/public|s-maxage/)
    }
    const lifetime = control.includes('s-maxage') ? 20_000 : control.includes('max-age') ? 30_000 : 600_000
    expect(clock.now() - page.at, told).toBeLessThan(lifetime)
    // Who waited already when the URL became invalid may have what was begun before.
    expect(page.epoch, told).toBeGreaterThanOrEqual(came)
    expect(
      lines.filter((line) => line === 'age'),
      told,
    ).toHaveLength(1)
    expect(lines, told).not.toContain('set-cookie')
  }

  const visit = async (asked: Question) => {
    const fields = Object.fromEntries(
      Object.entries({ host: asked.host, ...asked.fields }).filter(([, value]) => value !== undefined),
    ) as Record<string, string>
    const { method, host, target, answer } = asked
    const one: Visit = { request: asked, method, target, scheme: 'http', host, fields }
    const epoch = epochs.get(urlOf(asked)) ?? 0
    const plain = cache.plainHits?.find(method, 'http', target, Object.entries(fields).flat())
    const begun = cache.begin(one)
    const course = begun instanceof Promise ? await begun : begun
    if (plain)
      expect(course, 'the quickest way answers as the long one').toEqual({ do: 'reply', reply: plain })
    if (course.do === 'reply') return judge(course.reply, asked, epoch)
    const { exchange } = course
    const begunAt = epochs.get(urlOf(asked)) ?? 0
    for (const name of answer.reads) exchange.watch?.noteField(name)
    // The handler takes a while.
    await Promise.resolve()
    const number = made.push({ by: asked, at: clock.now(), epoch: begunAt }) - 1
    if (method === 'POST' && answer.status < 400) {
      epochs.set(urlOf(asked), (epochs.get(urlOf(asked)) ?? 0) + 1)
    }
    const verdict = exchange.head(answer.status, {
      ...(answer.control && { 'cache-control': answer.control }),
      ...(answer.vary && { vary: answer.vary }),
      ...(answer.setsCookie && { 'set-cookie': 'sid=1' }),
    })
    if (verdict.do === 'replace') return judge(verdict.reply, asked, epoch)
    if (method !== 'HEAD') exchange.chunk(Buffer.from(String(number)))
    const reply = exchange.end()
    if (reply) judge(reply, asked, epoch)
  }

  for (const { wait, asked } of list) {
    clock.advance(wait)
    await Promise.all(asked.map(visit))
  }
  await caches.close()
  return served
}

it.each<[string, PageCacheOptions]>([
  ['as it comes', {}],
  ['with the strict rule of cookies', { bypassOnCookie: true }],
  ['with one variant a URL', { maxVariants: 1 }],
])('A51–A59, A71–A85, rules 2–20: nobody gets what was made for another, %s', async (_, options) => {
  let served = 0
  await fc.assert(
    fc.asyncProperty(batches, async (list) => {
      served += await live(list, options)
    }),
    { numRuns: 400 },
  )
  expect(served, 'a run that served nothing proves nothing').toBeGreaterThan(100)
})
