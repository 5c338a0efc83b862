// @ts-check
/**
 * F32: eight processes write the same hundred keys, each in an order of its own, as fast as they can. Nobody gets an error, and
 * no key fails: deadlocks are avoided or tried again, and nobody is told of them. One database after the other.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createCaches } from 'stillwarm'
import { mysql, postgres, sqlite } from 'stillwarm/backends/sql'
import { folder, mariadbUrl, postgresUrl } from '../../bench/sql/server.mjs'
import { report, setting } from './measure.mjs'

const SECONDS = setting('SOAK_SECONDS', 60)
const WRITERS = 8
const KEYS = Array.from({ length: 100 }, (_, i) => `key:${i}`)

/** @param {string} place */
function backendAt(place) {
  if (place.startsWith('postgres:')) return postgres({ url: place, poolSize: 2, opTimeout: 10_000 })
  if (place.startsWith('mysql:')) return mysql({ url: place, poolSize: 2, opTimeout: 10_000 })
  return sqlite({ path: place })
}

async function write(/** @type {string} */ place) {
  const caches = createCaches({ default: { backend: backendAt(place), onBackendError: 'throw' } })
  /** @type {Record<string, number>} */
  const errors = {}
  let written = 0
  let failed = 0
  for (const end = performance.now() + SECONDS * 1_000; performance.now() < end; ) {
    const shuffled = KEYS.map((key) => ({ key, at: Math.random() })).sort((a, b) => a.at - b.at)
    try {
      const entries = shuffled.map(
        ({ key }) => /** @type {[string, object]} */ ([key, { by: process.pid, written }]),
      )
      failed += (await caches.default.setMany(entries)).length
      written++
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
      errors[code] = (errors[code] ?? 0) + 1
    }
  }
  const there = (await caches.default.getMany(KEYS)).size
  await caches.close()
  return { written, failed, errors, there }
}

const place = process.argv[2]
if (place) {
  process.send?.(await write(place), () => process.disconnect())
} else {
  const places = {
    postgres: await postgresUrl(),
    mysql: await mariadbUrl(),
    sqlite: join(folder('sqlite'), 'cache.db'),
  }
  for (const [name, where] of Object.entries(places)) {
    const maker = backendAt(where)
    await maker.table?.create()
    await maker.close()
    const told = await Promise.all(
      Array.from(
        { length: WRITERS },
        async () => (await once(fork(import.meta.filename, [where]), 'message'))[0],
      ),
    )
    const written = told.reduce((sum, one) => sum + one.written, 0)
    const errors = told.map((one) => one.errors).filter((one) => Object.keys(one).length > 0)
    report(
      `F32 writers, ${name}`,
      written,
      { errors },
      {
        'F32 no errors': errors.length === 0,
        'F32 no key failed': told.every(({ failed }) => failed === 0),
        'all keys are there': told.every(({ there }) => there === KEYS.length),
      },
    )
    if (process.exitCode) process.exit()
  }
  process.exit()
}
