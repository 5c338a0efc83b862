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
    {
      topics: [...EVERY_BACKEND, 'clearing everything'],
      cacheTopics: ['ttl', 'keys', 'verbs', 'counting', 'versions', 'values', 'get or set', 'staleness'],
      except: {
        'VER-05 what is moved keeps its ttl': 'without a peek of its own nobody knows the end',
        ...(!sync && {
          'of replacements that race, one is true': 'derived over get and set it takes more than a turn',
        }),
      },
    },
  )
}
