/** The promises of the contract and of a cache, case by case: near in memory, far in files, which need no waiting. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { tiered } from '../../../src/backends/tiered/tiered.ts'
import { createCaches, file, memory, object } from '../../../src/index.ts'
import { busHub, type CaseContext, fakeClock } from '../../../src/testing/index.ts'
import { EVERY_BACKEND, EVERY_CACHE, promise } from '../promises.ts'

const root = mkdtempSync(join(tmpdir(), 'stillwarm-tiered-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let made = 0
let directory = ''
let hub = busHub()

function context(near: typeof memory | typeof object): CaseContext {
  const node = () => tiered({ near: near(), far: file({ directory }), bus: hub.bus() })
  return {
    clock: fakeClock(),
    granularity: 0,
    createCaches,
    backend: () => {
      directory = join(root, String(made++))
      hub = busHub()
      return node()
    },
    peer: node,
  }
}

promise('tiered', context(memory), {
  topics: [...EVERY_BACKEND, 'sharing', 'peeking', 'clearing everything'],
  cacheTopics: [...EVERY_CACHE, 'fleet'],
})

promise('tiered, an object() near', context(object), {
  topics: ['reading', 'writing', 'sharing', 'peeking', 'replacing'],
  cacheTopics: ['values', 'staleness', 'fleet'],
})
