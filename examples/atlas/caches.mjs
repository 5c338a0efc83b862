// @ts-check
/** The one configuration of the atlas. Another backend is another line here, and nothing else changes. */
import { createCaches, file, memory } from 'stillwarm'
import { memcached } from 'stillwarm/backends/memcached'

/**
 * @param {string} directory where entries that outlive the process are kept
 * @param {string} [servers] Memcached servers, to share the answers with other processes
 */
export function openCaches(directory, servers) {
  return createCaches({
    // Answers to expensive questions: in memory, the least recently used goes first.
    default: {
      backend: servers ? memcached({ servers }) : memory({ maxEntries: 5_000 }),
      ttl: '10m',
      keyPrefix: 'atlas',
    },
    // What a restart must not lose.
    disk: { backend: file({ directory }), ttl: '30d' },
  })
}
