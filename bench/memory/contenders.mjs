// @ts-check
/**
 * The caches that the in-process measures compare, each behind the same few calls. `sync` says whether the calls
 * answer at once, so that nothing that could be plain is awaited. What a peer cannot do it leaves out.
 */
import { peer } from '../harness.mjs'

/**
 * @typedef {object} Contender
 * @property {boolean} [sync]
 * @property {(key: string) => unknown} get
 * @property {(key: string, value: unknown) => unknown} set
 * @property {(key: string) => unknown} [delete]
 * @property {(key: string, load: () => unknown) => unknown} [getOrSet]
 */

/** Long enough that nothing expires while a measure runs, short enough that every expiry is kept. */
const HOUR = 3600

/** @type {Record<string, (max: number) => Promise<Contender>>} */
export const CONTENDERS = {
  Map: async () => {
    const map = new Map()
    return {
      sync: true,
      get: (key) => map.get(key),
      set: (key, value) => map.set(key, value),
      delete: (key) => map.delete(key),
      getOrSet: (key) => map.get(key),
    }
  },

  // What anybody pays who awaits: a promise and a microtask around a Map. It evicts only where `max` is passed.
  'async floor': async (max) => {
    const map = new Map()
    const oldest = map.keys()
    return {
      get: async (key) => map.get(key),
      set: async (key, value) => {
        map.set(key, value)
        if (map.size > max) map.delete(oldest.next().value)
      },
      delete: async (key) => map.delete(key),
      getOrSet: async (key, load) => {
        const found = map.get(key)
        if (found !== undefined) return found
        const value = await load()
        map.set(key, value)
        return value
      },
    }
  },

  'lru-cache + ttl': async (max) => {
    const { LRUCache } = await peer('lru-cache')
    const cache = new LRUCache({ max, ttl: HOUR * 1000 })
    return {
      sync: true,
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value),
      delete: (key) => cache.delete(key),
    }
  },

  'lru-cache fetch': async (max) => {
    const { LRUCache } = await peer('lru-cache')
    /** @type {() => unknown} */
    let make = () => undefined
    const cache = new LRUCache({ max, ttl: HOUR * 1000, fetchMethod: () => make() })
    return {
      get: (key) => cache.fetch(key),
      set: (key, value) => cache.set(key, value),
      getOrSet: (key, load) => {
        make = load
        return cache.fetch(key)
      },
    }
  },

  'stillwarm memory': (max) => stillwarm(({ memory }) => memory({ maxEntries: max })),
  'stillwarm memory, frozen': (max) =>
    stillwarm(({ memory }) => memory({ maxEntries: max, copies: 'frozen' })),
  'stillwarm object': (max) => stillwarm(({ object }) => object({ maxEntries: max })),

  'stillwarm object.sync': async (max) => {
    const { createCaches, object } = await import('stillwarm')
    const cache = createCaches({ default: { backend: object({ maxEntries: max }), ttl: HOUR } }).default.sync
    return {
      sync: true,
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value),
      delete: (key) => cache.delete(key),
      getOrSet: (key, load) => cache.getOrSet(key, load),
    }
  },

  'layered-loader': async (max) => {
    const { Loader } = await peer('layered-loader')
    /** @type {() => unknown} */
    let make = () => undefined
    const loader = new Loader({
      inMemoryCache: { cacheType: 'lru-object', maxItems: max, ttlInMsecs: HOUR * 1000 },
      dataSources: [{ name: 'load', get: async () => make() }],
    })
    return {
      get: (key) => loader.get(key),
      set: (key, value) => {
        make = () => value
        return loader.get(key)
      },
      getOrSet: (key, load) => {
        make = load
        return loader.get(key)
      },
    }
  },

  'cache-manager': async () => {
    const { createCache } = await peer('cache-manager')
    const cache = createCache({ ttl: HOUR * 1000 })
    return {
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value),
      delete: (key) => cache.del(key),
      getOrSet: (key, load) => cache.wrap(key, load),
    }
  },

  keyv: async () => {
    const { default: Keyv } = await peer('keyv')
    const cache = new Keyv({ ttl: HOUR * 1000 })
    return {
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value),
      delete: (key) => cache.delete(key),
    }
  },

  cacheable: async () => {
    const { Cacheable } = await peer('cacheable')
    const cache = new Cacheable({ ttl: HOUR * 1000 })
    return {
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value),
      delete: (key) => cache.delete(key),
      getOrSet: (key, load) => cache.getOrSet(key, load),
    }
  },

  'CacheableMemory, LRU, no clones': async (max) => {
    const { CacheableMemory } = await peer('@cacheable/memory')
    const cache = new CacheableMemory({ ttl: HOUR * 1000, lruSize: max, useClone: false, checkInterval: 0 })
    return {
      sync: true,
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value),
      delete: (key) => cache.delete(key),
    }
  },

  bentocache: async (max) => {
    const { BentoCache, bentostore } = await peer('bentocache')
    const { memoryDriver } = await peer('bentocache/drivers/memory')
    const cache = new BentoCache({
      default: 'memory',
      ttl: '1h',
      stores: { memory: bentostore().useL1Layer(memoryDriver({ maxItems: max })) },
    })
    return {
      get: (key) => cache.get({ key }),
      set: (key, value) => cache.set({ key, value }),
      delete: (key) => cache.delete({ key }),
      getOrSet: (key, load) => cache.getOrSet({ key, factory: load }),
    }
  },

  unstorage: async () => {
    const { createStorage } = await peer('unstorage')
    const cache = createStorage()
    return {
      get: (key) => cache.getItem(key),
      set: (key, value) => cache.setItem(key, value),
      delete: (key) => cache.removeItem(key),
    }
  },

  'node-cache, no clones': async () => {
    const { default: NodeCache } = await peer('node-cache')
    const cache = new NodeCache({ stdTTL: HOUR, useClones: false, checkperiod: 0 })
    return {
      sync: true,
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value),
      delete: (key) => cache.del(key),
    }
  },

  'catbox-memory': async () => {
    const { Engine } = await peer('@hapi/catbox-memory')
    const { Client } = await peer('@hapi/catbox')
    const client = new Client(new Engine({ maxByteSize: 4e9 }))
    await client.start()
    const at = (/** @type {string} */ id) => ({ segment: 'bench', id })
    return {
      get: async (key) => (await client.get(at(key)))?.item,
      set: (key, value) => client.set(at(key), value, HOUR * 1000),
      delete: (key) => client.drop(at(key)),
    }
  },

  'async-cache-dedupe': async () => {
    const { createCache } = await peer('async-cache-dedupe')
    /** @type {() => unknown} */
    let make = () => undefined
    const cache = createCache({ ttl: HOUR, storage: { type: 'memory' } }).define('load', async () => make())
    return {
      get: (key) => cache.load(key),
      set: (key, value) => {
        make = () => value
        return cache.load(key)
      },
      getOrSet: (key, load) => {
        make = load
        return cache.load(key)
      },
    }
  },
}

/**
 * @param {(backends: any) => any} backend
 * @returns {Promise<Contender>}
 */
async function stillwarm(backend) {
  const doors = await import('stillwarm')
  const cache = doors.createCaches({ default: { backend: backend(doors), ttl: HOUR } }).default
  return {
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value),
    delete: (key) => cache.delete(key),
    getOrSet: (key, load) => cache.getOrSet(key, load),
  }
}
