// @ts-check
/** The one configuration of the atlas. Another backend is another line here, and nothing else changes. */
import { createCaches, file, memory } from 'stillwarm'
import { memcached } from 'stillwarm/backends/memcached'
import { redis, redisBus } from 'stillwarm/backends/redis'
import { mysql, postgres, sqlite } from 'stillwarm/backends/sql'
import { tiered } from 'stillwarm/backends/tiered'

// The tour has 500 visitors count in one row, which a database does one after the other.
const PATIENCE = 10_000

/**
 * @param {string} directory where entries that outlive the process are kept
 * @param {import('stillwarm').Backend} [answers] where the answers rest
 */
export function openCaches(directory, answers = answersOf({})) {
  return createCaches({
    // Answers to expensive questions.
    default: { backend: answers, ttl: '10m', keyPrefix: 'atlas' },
    // Pieces of pages, as finished HTML. Fragments look for this alias by themselves.
    template_fragments: { backend: memory({ maxEntries: 1_000 }), ttl: '10m', staleFor: '1h' },
    // Whole pages, for the few seconds in which a crowd asks for the same one.
    pages: { backend: memory({ maxEntries: 1_000 }) },
    // What a restart must not lose.
    disk: { backend: file({ directory }), ttl: '30d' },
  })
}

/**
 * Where the answers rest: on a server or in a database that processes share; else in memory, where the least recently used goes
 * first.
 *
 * @param {{ redis?: string, memcached?: string, sqlite?: string, postgres?: string, mysql?: string, tiered?: boolean }} where
 * @returns {import('stillwarm').Backend}
 */
export function answersOf(where) {
  if (where.redis) {
    const far = redis({ url: where.redis })
    if (!where.tiered) return far
    // A copy in this process in front of it, which the others keep in step.
    const bus = redisBus({ url: where.redis, channel: 'atlas' })
    return tiered({ near: memory({ maxEntries: 5_000 }), far, bus })
  }
  if (where.memcached) return memcached({ servers: where.memcached })
  if (where.sqlite) return sqlite({ path: where.sqlite })
  if (where.postgres) return postgres({ url: where.postgres, opTimeout: PATIENCE })
  if (where.mysql) return mysql({ url: where.mysql, opTimeout: PATIENCE })
  return memory({ maxEntries: 5_000 })
}
