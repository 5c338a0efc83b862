/** From what the user gave, a URL, a pool or a function, to where connections are borrowed. */
import { type Answer, isPromise } from '../../core/answer.ts'
import { ConfigError } from '../../core/errors.ts'
import type { Dialect } from './dialect.ts'
import type { Adopt, Driver, Lender } from './executor.ts'
import { checkPlace, type ServerSettings } from './options.ts'
import { Pool } from './pool.ts'
import type { Place, Places } from './servers.ts'

/** The drivers of a database, by the names of the `driver` option, the preferred one first. */
export interface Drivers {
  readonly loaders: Readonly<Record<string, () => Promise<Driver>>>
  readonly adopt: readonly Adopt[]
  /** What a pool may be, for the message when it is something else. */
  readonly pools: string
}

export function placesOf(settings: ServerSettings, dialect: Dialect, drivers: Drivers): Places {
  /** One lender for each URL and each pool, however often they are named. */
  const known = new Map<unknown, Lender>()
  let loading: Promise<Driver> | undefined

  const lenderOf = (given: unknown): Lender => {
    let lender = known.get(given)
    if (lender === undefined) {
      lender = typeof given === 'string' ? own(given) : adopted(given)
      known.set(given, lender)
    }
    return lender
  }

  const own = (url: string): Lender => {
    const { clientOptions, poolSize, prepare, server } = settings
    const target = { url, clientOptions, prepare, connectTimeout: server.connectTimeout }
    loading ??= load(settings.driver, dialect, drivers)
    // Whether it is there is said by the first operation.
    loading.catch(() => {})
    return new Pool(poolSize, async () => (await loading!).connect(target))
  }

  const adopted = (given: unknown): Lender => {
    if ((typeof given === 'object' && given !== null) || typeof given === 'function') {
      for (const adopt of drivers.adopt) {
        const lender = adopt(given, settings)
        if (lender) return lender
      }
    }
    throw new ConfigError('INVALID_OPTION', `${dialect.name}(): the pool must be ${drivers.pools}`)
  }

  const place = (given: unknown): Place => {
    if (typeof given !== 'function' || isPool(given)) {
      const lender = lenderOf(given)
      return () => lender
    }
    return (): Answer<Lender> => {
      const answer: unknown = given()
      const go = (routed: unknown) => {
        checkPlace('route', routed, dialect)
        return lenderOf(routed)
      }
      return isPromise(answer) ? answer.then(go) : go(answer)
    }
  }

  /** postgres.js's is a function itself. */
  const isPool = (given: unknown) =>
    typeof given === 'function' && drivers.adopt.some((adopt) => adopt(given, settings) !== undefined)

  const write = place(settings.write)
  return {
    write,
    read: settings.read.map((given) => (given === settings.write ? write : place(given))),
    migrate:
      settings.migrate === false
        ? undefined
        : settings.migrate === settings.write
          ? write
          : place(settings.migrate),
    lenders: () => known.values(),
    loads: [settings.write, ...settings.read].some((given) => typeof given !== 'object' && !isPool(given)),
  }
}

async function load(
  name: string | undefined,
  { name: where }: Dialect,
  { loaders }: Drivers,
): Promise<Driver> {
  const names = name ? [name] : Object.keys(loaders)
  for (const one of names) {
    try {
      return await loaders[one]!()
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }
  const ways = names.map((one) => `npm install ${one}`)
  throw new ConfigError('MISSING_PACKAGE', `${where}() needs a driver: ${ways.join(', or ')}`)
}

export function isMissing(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    /^(ERR_MODULE_NOT_FOUND|MODULE_NOT_FOUND|ERR_UNKNOWN_BUILTIN_MODULE)$/.test(String(error.code))
  )
}
