/** What memory and object promise: the topics that every backend does, and those of a store in the process. */
import { createCaches, memory, object } from '../../src/index.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { EVERY_BACKEND, promise } from './promises.ts'

const IN_PROCESS = [
  ...EVERY_BACKEND,
  'peeking',
  'limits',
  'culling',
  'recency',
  'clearing everything',
] as const

const context = { clock: fakeClock(), granularity: 0, createCaches }

promise('memory', { ...context, backend: () => memory(), limited: memory }, { topics: IN_PROCESS })

promise(
  'memory with frozen copies',
  { ...context, backend: () => memory({ copies: 'frozen' }) },
  { topics: EVERY_BACKEND, cacheTopics: ['values', 'refusals', 'get or set', 'staleness'] },
)

promise(
  'object',
  { ...context, backend: () => object(), limited: object },
  {
    topics: IN_PROCESS,
    cacheTopics: ['ttl', 'keys', 'verbs', 'counting', 'versions', 'values', 'get or set', 'staleness'],
  },
)
