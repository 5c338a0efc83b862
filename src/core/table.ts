/**
 * The table that a backend rests in, where one has to be made before its first use: what
 * `stillwarm create-table` and `stillwarm check` ask a backend, without knowing its database.
 */
export interface Table {
  /** As it is quoted in the statements: `"stillwarm_cache"`. */
  readonly name: string
  /** `false`: never made from here (`route: { migrate: false }`). */
  readonly routed: boolean
  /** What `create` runs, in order, to print. Opens no connection. */
  statements(): readonly string[]
  /** `'foreign'`: a table of that name has other columns or keys than ours. It is never touched. */
  state(): Promise<'missing' | 'ours' | 'foreign'>
  /**
   * Makes what is missing; twice is as once. `'unrouted'`: not `routed`.
   *
   * @throws CacheError `FOREIGN_TABLE` where `state` says so.
   */
  create(): Promise<'created' | 'exists' | 'unrouted'>
  /** Removes what is over and, over the row limit, the least recently used, in small batches; how many rows went. */
  cull(): Promise<number>
}
