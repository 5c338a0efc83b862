// @ts-check
/** F58: a gigabyte goes through a 64 MB cache in a process whose heap may be no larger than 256 MB. */
import { createCaches, memory } from 'stillwarm'
import { report, round, seeded, setting, text, turn } from './measure.mjs'

const BYTES = setting('SOAK_BYTES', 2 ** 30)
const random = seeded(1)
const backend = memory({ maxBytes: '64mb', maxEntries: Number.POSITIVE_INFINITY })
const caches = createCaches({ default: { backend, ttl: 3600 } })

let through = 0
let sets = 0
let most = 0
while (through < BYTES) {
  const body = text(Math.floor(100 + random() * 20_000), random)
  const value = sets % 2 ? body : { id: sets, list: body.match(/.{1,100}/g) }
  if (caches.default.sync.set(`key${sets++}`, value)) through += body.length
  if (sets % 100 === 0) {
    await turn()
    most = Math.max(most, process.memoryUsage().heapUsed)
  }
}
report(
  'F58 small heap',
  sets,
  { gigabytes: round(through / 2 ** 30), mostHeapMb: round(most / 2 ** 20), entries: backend.size().entries },
  { 'all of it went through': through >= BYTES },
)
await caches.close()
