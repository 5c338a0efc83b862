// @ts-check
/** The world's cities as a site with a cache: first a short tour, then pages. `node examples/atlas/main.mjs --help` */
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bullmq } from 'stillwarm/refresh/bullmq'
import { answersOf, openCaches } from './caches.mjs'
import * as atlas from './cities.mjs'
import { defineRankings } from './jobs.mjs'
import { createSite } from './site.mjs'
import { tour } from './tour.mjs'

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: process.env.PORT ?? '3000' },
    host: { type: 'string', default: '127.0.0.1' },
    directory: { type: 'string', default: join('.cache', 'atlas') },
    redis: { type: 'string' },
    memcached: { type: 'string' },
    sqlite: { type: 'string' },
    postgres: { type: 'string' },
    mysql: { type: 'string' },
    tiered: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (options.help) {
  console.log(`Usage: node main.mjs [options]

  --port <number>      where to listen; 0 takes any free port (default: $PORT, else 3000)
  --host <address>     on which address (default: 127.0.0.1, this machine alone)
  --directory <path>   where what outlives a restart is kept (default: .cache/atlas)
  --redis <url>        answers on Redis, 'redis://127.0.0.1:6379', instead of in memory, and the
                       rankings made anew by workers: node worker.mjs --redis <url>
  --memcached <hosts>  answers on Memcached, 'host:port,host:port', instead of in memory
  --sqlite <file>      answers in SQLite, instead of in memory
  --postgres <url>     answers in PostgreSQL, 'postgres://user:password@host/database'
  --mysql <url>        answers in MariaDB or MySQL, 'mysql://user:password@host/database'
  --tiered             with --redis: a copy of them in this process, in step with those of others`)
} else if (options.tiered && !options.redis) {
  console.error(
    '--tiered needs --redis: a copy in the process stands in front of answers that processes share.',
  )
  process.exit(1)
} else {
  await mkdir(options.directory, { recursive: true, mode: 0o700 })
  const answers = answersOf(options)
  // As `stillwarm create-table` does. A database that is down is a miss, for every visitor and here too.
  await answers.table
    ?.create()
    .catch((error) => console.error(`The table of the answers was not made: ${error.message}\n`))
  const caches = openCaches(options.directory, answers)

  console.log(`The atlas: ${atlas.size.toLocaleString('en')} cities. A short tour, all of it run just now:\n`)
  await tour(caches, options.directory)

  // Over Redis the rankings are made anew by `worker.mjs`; until it runs, the old ones are shown.
  const runner = options.redis ? bullmq({ connection: options.redis, queue: 'atlas' }) : undefined
  const server = createSite(caches, defineRankings(caches, runner)).listen(Number(options.port), options.host)
  try {
    await once(server, 'listening')
  } catch (error) {
    console.error(`\nCannot listen on ${options.host}:${options.port}: ${error}\nChoose another with --port.`)
    process.exit(1)
  }
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port to listen on')
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
  console.log(`\nOpen http://${host}:${address.port}/   (Ctrl+C ends it)`)

  // Visitors under way are served to the end, then the caches let go of their files.
  const end = async () => {
    server.close()
    await once(server, 'close')
    await runner?.close()
    await caches.close()
  }
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
}
