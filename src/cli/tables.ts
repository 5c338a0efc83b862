/** The tables of a configuration. Two caches over one backend have one table. */
import type { Backend } from '../core/backend.ts'
import type { Cache } from '../core/cache.ts'
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
