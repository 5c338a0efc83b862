/** The table: made by `stillwarm create-table`, never by a request, and told from another that happens to have its name. */
import { CacheError } from '../../core/errors.ts'
import type { Table } from '../../core/table.ts'
import { COLUMNS, type Dialect, type TableName } from './dialect.ts'
import { SqlError } from './failure.ts'
import type { Runner } from './runner.ts'

const OTHER_COLUMNS = 'with other columns than a cache has'
const NO_KEY = 'without a primary or unique key on cache_key alone'
type Strange = typeof OTHER_COLUMNS | typeof NO_KEY

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
    const found = await this.#look()
    return found === 'missing' || found === 'ours' ? found : 'foreign'
  }

  async create(): Promise<'created' | 'exists' | 'unrouted'> {
    if (!this.routed) return 'unrouted'
    const found = await this.#look()
    if (found === 'ours') return this.#runner.madeTable?.() ? 'created' : 'exists'
    if (found !== 'missing') throw this.#foreign(found)
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

  async #look(): Promise<'missing' | 'ours' | Strange> {
    const { rows } = await this.#runner.inspect(this.#dialect.columns(this.#table))
    if (rows.length === 0) return 'missing'
    const found = new Map(
      rows.map(([name, type, keyed]) => [this.#word(name), { type: this.#word(type), keyed }]),
    )
    const { types } = this.#dialect
    const alike = COLUMNS.every((column) => types[column]?.test(found.get(column)?.type ?? ''))
    if (!alike || found.size !== COLUMNS.length) return OTHER_COLUMNS
    // Without it nothing can be overwritten.
    return Number(found.get('cache_key')?.keyed) === 1 ? 'ours' : NO_KEY
  }

  #foreign(why: Strange): CacheError {
    return new CacheError(
      'FOREIGN_TABLE',
      `${this.name} is a table ${why}: it is left alone; give the cache another table`,
    )
  }

  /** Some drivers give names as bytes. */
  #word(value: unknown): string {
    return value instanceof Uint8Array ? Buffer.from(value).toString() : String(value)
  }
}
