import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { createCaches, file } from '../../../src/index.ts'
import { fakeClock } from '../../../src/testing/clock.ts'
import { EVERY_BACKEND, EVERY_CACHE, promise } from '../promises.ts'

const root = mkdtempSync(join(tmpdir(), 'stillwarm-promises-'))
let made = 0
const directory = () => join(root, String(made++))
let latest = ''

afterAll(() => rmSync(root, { recursive: true, force: true }))

for (const reads of ['async', 'sync'] as const) {
  promise(
    `file, ${reads}`,
    {
      clock: fakeClock(),
      granularity: 0,
      createCaches,
      backend: () => {
        latest = directory()
        return file({ directory: latest, reads })
      },
      peer: () => file({ directory: latest, reads }),
      limited: (limits) => file({ directory: directory(), reads, ...limits }),
    },
    {
      topics: [...EVERY_BACKEND, 'sharing', 'bytes', 'peeking', 'clearing everything', 'limits', 'culling'],
      cacheTopics: [...EVERY_CACHE, 'fleet'],
    },
  )
}
