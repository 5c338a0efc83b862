/** The table: made by `stillwarm create-table`, never by a request, and told from another that happens to have its name. */
import { CacheError } from '../../core/errors.ts'
import type { Table } from '../../core/table.ts'
import { COLUMNS, type Dialect, type TableName } from './dialect.ts'
import { SqlError } from './failure.ts'
import type { Runner } from './runner.ts'

export class SqlTable implements Table {
  readonly name: string
  readonly routed: boolean
  readonly #table: TableName
  readonly #dialect: Dialect
  readonly #runner: Runner
  readonly #cull: () => Promise<number>

  constructor(table: TableName, dialect: Dialect, runner: Runner, cull: () => Promise<number>) {
    this.name = table.quoted
    this.routed = runner.migrates
    this.#table = table
    this.#dialect = dialect
    this.#runner = runner
    this.#cull = cull
  }

  statements(): readonly string[] {
    return this.#dialect.create(this.#table)
  }

  async state(): Promise<'missing' | 'ours' | 'foreign'> {
    const { rows } = await this.#runner.inspect(this.#dialect.columns(this.#table))
    if (rows.length === 0) return 'missing'
    const types = new Map(rows.map(([name, type]) => [this.#word(name), this.#word(type)]))
    const ours = COLUMNS.every((column) => this.#dialect.types[column]?.test(types.get(column) ?? ''))
    return ours && types.size === COLUMNS.length ? 'ours' : 'foreign'
  }

  async create(): Promise<'created' | 'exists' | 'unrouted'> {
    if (!this.routed) return 'unrouted'
    const state = await this.state()
    if (state === 'ours') return this.#runner.madeTable?.() ? 'created' : 'exists'
    if (state === 'foreign') throw this.#foreign()
    try {
      await this.#runner.migrate(this.statements())
    } catch (error) {
      // Another may have made it at the same time.
      if (!(error instanceof SqlError) || (await this.state()) !== 'ours') throw error
      return 'exists'
    }
    return 'created'
  }

  cull(): Promise<number> {
    return this.#cull()
  }

  #foreign(): CacheError {
    return new CacheError(
      'FOREIGN_TABLE',
      `${this.name} is a table with other columns than a cache has: it is left alone; give the cache another table`,
    )
  }

  /** Some drivers give names as bytes. */
  #word(value: unknown): string {
    return value instanceof Uint8Array ? Buffer.from(value).toString() : String(value)
  }
}
