import { makeCaches } from '../../src/core/caches.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { plainBackend } from '../core/plain-backend.ts'
import { EVERY_BACKEND, promise } from './promises.ts'

function noFormat(): never {
  throw new Error('this backend holds values')
}

for (const sync of [true, false]) {
  promise(
    `the least of backends, ${sync ? 'in the same turn' : 'in promises'}`,
    {
      backend: () => plainBackend(sync),
      clock: fakeClock(),
      granularity: 0,
      createCaches: (config, options) => makeCaches(config, options, noFormat),
    },
    { topics: [...EVERY_BACKEND, 'clearing everything'] },
  )
}
