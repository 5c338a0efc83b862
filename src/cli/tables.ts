/** The tables of a configuration. Two caches over one backend have one table. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Backend } from '../core/backend.ts'
import type { Cache } from '../core/cache.ts'
import { withinDeadline } from '../core/guarding/deadline.ts'
import type { Table } from '../core/table.ts'
import { inside } from './reach.ts'

export interface TableOf {
  readonly table: Table
  readonly backend: Backend
  /** Those that rest in it. */
  readonly caches: [Cache, ...Cache[]]
}

export function tablesOf(caches: readonly Cache[]): TableOf[] {
  const found = new Map<Backend, TableOf>()
  for (const cache of caches) {
    const { backend } = inside(cache).settings
    if (backend.table === undefined) continue
    const before = found.get(backend)
    if (before) before.caches.push(cache)
    else found.set(backend, { table: backend.table, backend, caches: [cache] })
  }
  return [...found.values()]
}

export function aliasesOf({ caches }: TableOf): string {
  return caches.map(({ alias }) => alias).join(', ')
}

/**
 * Work on a table may take its time, but not begin with a server that does not answer. It is not asked before: where a table is not
 * to be made from here, nothing is asked of that database.
 *
 * @param ms how long it may be silent.
 */
export async function whileAnswering<T>(table: Table, ms: number, work: () => Promise<T>): Promise<T> {
  const over = new AbortController()
  const working = work()
  const watching = async () => {
    await sleep(ms / 2, undefined, { signal: over.signal })
    await withinDeadline(ms / 2, table.state(), 'looking for the table')
    return working
  }
  try {
    return await Promise.race([working, watching()])
  } finally {
    over.abort()
  }
}
