// @ts-check
/** The one configuration of the atlas. Another backend is another line here, and nothing else changes. */
import { createCaches, file, memory } from 'stillwarm'

/** @param {string} directory where entries that outlive the process are kept */
export function openCaches(directory) {
  return createCaches({
    // Answers to expensive questions: in memory, the least recently used goes first.
    default: { backend: memory({ maxEntries: 5_000 }), ttl: '10m' },
    // Pieces of pages, as finished HTML. Fragments look for this alias by themselves.
    template_fragments: { backend: memory({ maxEntries: 1_000 }), ttl: '10m', staleFor: '1h' },
    // What a restart must not lose.
    disk: { backend: file({ directory }), ttl: '30d' },
  })
}
