// @ts-check
/** The one configuration of the atlas. Another backend is another line here, and nothing else changes. */
import { createCaches, file, memory } from 'stillwarm'
import { memcached } from 'stillwarm/backends/memcached'
import { redis } from 'stillwarm/backends/redis'

/**
 * @param {string} directory where entries that outlive the process are kept
 * @param {{ redis?: string, memcached?: string }} [servers] where the answers are shared with other processes
 */
export function openCaches(directory, servers = {}) {
  return createCaches({
    // Answers to expensive questions: in memory, the least recently used goes first.
    default: {
      backend: sharedBackend(servers) ?? memory({ maxEntries: 5_000 }),
      ttl: '10m',
      keyPrefix: 'atlas',
    },
    // Pieces of pages, as finished HTML. Fragments look for this alias by themselves.
    template_fragments: { backend: memory({ maxEntries: 1_000 }), ttl: '10m', staleFor: '1h' },
    // Whole pages, for the few seconds in which a crowd asks for the same one.
    pages: { backend: memory({ maxEntries: 1_000 }) },
    // What a restart must not lose.
    disk: { backend: file({ directory }), ttl: '30d' },
  })
}

/** @param {{ redis?: string, memcached?: string }} servers */
function sharedBackend(servers) {
  if (servers.redis) return redis({ url: servers.redis })
  return servers.memcached ? memcached({ servers: servers.memcached }) : undefined
}
