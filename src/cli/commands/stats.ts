/** What each cache rests in and how much is there. Counts of hits and misses are each process's own: `cache.stats()` tells them. */
import type { Cache } from '../../core/cache.ts'
import type { Command } from '../command.ts'
import { DONE, FAILED, reasonOf } from '../failure.ts'
import { cachesOf, timeoutOf } from '../given.ts'
import { failed, inside, isUnreachable, roundTrip } from '../reach.ts'
import { sizeOf } from '../size.ts'
import { visibleLine } from '../visible.ts'

export interface CacheStats {
  readonly cache: string
  readonly backend: string
  /** `'private'`: in each process by itself, so that there is nothing to see from here. */
  readonly state: 'ok' | 'private' | 'unreachable' | 'failed'
  readonly entries?: number
  readonly bytes?: number
  readonly reason?: string
}

export const stats: Command = {
  usage: 'stats',
  summary: 'show what each cache rests in, and how much is there',
  options: [
    ['--cache <alias...>', 'only these'],
    ['--timeout <time>', 'how long a server may take to answer (default: 600ms)'],
    ['--json', 'as JSON'],
  ],
  async run({ terminal, load }, _, options) {
    const ms = timeoutOf(options.timeout)
    const { caches } = await load()
    const all = await Promise.all(cachesOf(caches, options).map((cache) => statsOf(cache, ms)))
    if (options.json) terminal.json(all)
    else for (const line of tableOf(all)) terminal.out(line)
    return all.every(({ state }) => state === 'ok' || state === 'private') ? DONE : FAILED
  },
}

async function statsOf(cache: Cache, ms: number): Promise<CacheStats> {
  const { backend } = inside(cache).settings
  const named = { cache: cache.alias, backend: backend.name }
  if (backend.sync && !backend.shared) return { ...named, state: 'private' }
  try {
    await roundTrip(cache, ms)
  } catch (error) {
    return {
      ...named,
      state: isUnreachable(cache, error) ? 'unreachable' : 'failed',
      reason: reasonOf(failed(cache, error)),
    }
  }
  try {
    return { ...named, state: 'ok', ...(await sizeOf(cache, ms)) }
  } catch (error) {
    return { ...named, state: 'ok', reason: `${cache.alias} was not counted: ${reasonOf(error)}` }
  }
}

/** Columns; `-` where a backend does not count. */
export function tableOf(all: readonly CacheStats[]): string[] {
  const rows = [
    ['cache', 'backend', 'state', 'entries', 'bytes'],
    ...all.map(({ cache, backend, state, entries = '-', bytes = '-' }) =>
      [cache, backend, state, String(entries), String(bytes)].map(visibleLine),
    ),
  ]
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  const lines = rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  )
  return [...lines, ...all.flatMap(({ reason }) => (reason === undefined ? [] : [reason]))]
}
