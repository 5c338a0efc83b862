// @ts-check
/** The caches of the atlas for the command `stillwarm`. Where the answers rest the environment says, as flags say it to the site. */
import { fileURLToPath } from 'node:url'
import { answersOf, openCaches } from './caches.mjs'

const { ATLAS_REDIS, ATLAS_MEMCACHED, ATLAS_SQLITE, ATLAS_POSTGRES, ATLAS_MYSQL } = process.env
const directory = fileURLToPath(new URL('../../.cache/atlas', import.meta.url))

export default openCaches(
  directory,
  answersOf({
    redis: ATLAS_REDIS,
    memcached: ATLAS_MEMCACHED,
    sqlite: ATLAS_SQLITE,
    postgres: ATLAS_POSTGRES,
    mysql: ATLAS_MYSQL,
  }),
)
