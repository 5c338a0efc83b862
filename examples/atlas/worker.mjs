// @ts-check
/** Makes the rankings of the atlas anew when they are stale: `node examples/atlas/worker.mjs --redis redis://127.0.0.1:6379` */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { worker } from 'stillwarm/refresh'
import { bullmq } from 'stillwarm/refresh/bullmq'
import { answersOf, openCaches } from './caches.mjs'
import { defineRankings } from './jobs.mjs'

const { values: options } = parseArgs({
  options: {
    redis: { type: 'string', default: 'redis://127.0.0.1:6379' },
    directory: { type: 'string', default: join('.cache', 'atlas') },
  },
})

const caches = openCaches(options.directory, answersOf(options))
const runner = bullmq({ connection: options.redis, queue: 'atlas' })
const working = worker({ jobs: Object.values(defineRankings(caches, runner)), concurrency: 2 })
await working.ready
console.log(`At work on ${working.jobs.join(', ')}   (Ctrl+C ends it)`)

// What runs is finished, then everything is let go of.
const end = async () => {
  await working.close()
  await runner.close()
  await caches.close()
}
process.once('SIGINT', end)
process.once('SIGTERM', end)
