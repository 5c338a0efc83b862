/**
 * The classic text protocol, for servers before 1.6.10 and what stands in for one. It has no tokens: a get is checked by
 * the keys of its reply, and everything else rests on replies coming in order.
 */
import { checkFlags, unsigned64 } from './arguments.ts'
import { MemcachedError, ProtocolDoubt } from './errors.ts'
import { expiryOnWire } from './expiry.ts'
import { textKey } from './key.ts'
import { decimal, type Line, LineReader } from './lines.ts'
import type { Outbox } from './outbox.ts'
import { Request } from './request.ts'
import {
  AsciiLogin,
  countOf,
  Flush,
  LineRequest,
  NO_NUMBER,
  Stats,
  serverError,
  Version,
} from './text-admin.ts'
import { checkCount, checkDelete, checkGet, checkStore, needsMeta, onlyMeta } from './verb-options.ts'
import type {
  CountOptions,
  Dialect,
  GetOptions,
  Item,
  ManyItems,
  Reject,
  Resolve,
  StoreOptions,
  StoreResult,
} from './verbs.ts'

const SPACE = 32

/** `VALUE <key> <flags> <size>[ <cas>]`; `rest` is where the key begins. */
function announced(line: Line): number {
  if (!line.startsWith('VALUE ')) return -1
  line.rest = line.start + 6
  let at = nextWord(line, line.rest)
  at = nextWord(line, at)
  return decimal(line.bytes, at, line.end)
}

function nextWord(line: Line, at: number): number {
  let space = at
  while (space < line.end && line.bytes[space] !== SPACE) space++
  return space + 1
}

/** The command up to its keys. */
function getCommand(options: GetOptions | undefined): string {
  if (options === undefined) return 'get'
  checkGet(options)
  onlyMeta(options, ['ttl', 'vivify', 'recache', 'bump'])
  const s = options.cas ? 's' : ''
  return options.touch === undefined ? `get${s}` : `gat${s} ${expiryOnWire(options.touch)}`
}

/** One or many keys: the values that are there, in the order of the keys, then `END`. */
abstract class Gets<Result> extends Request<Line, Result> {
  readonly #command: string
  readonly #keys: readonly string[]
  readonly #wire: readonly string[]
  readonly #options: GetOptions | undefined
  #next = 0

  constructor(
    keys: readonly string[],
    options: GetOptions | undefined,
    resolve: Resolve<Result>,
    reject: Reject,
  ) {
    super(resolve, reject)
    this.#command = getCommand(options)
    this.#keys = keys
    this.#wire = keys.map(textKey)
    this.#options = options
  }

  write(out: Outbox): number {
    out.line(`${this.#command} ${this.#wire.join(' ')}\r\n`)
    return 0
  }

  take(line: Line): boolean {
    if (line.startsWith('VALUE ')) {
      const key = this.#keyOf(line)
      const item = line.value === undefined ? undefined : this.#item(line, line.value)
      const about = { server: this.server }
      this.found(key, item ?? new MemcachedError('VALUE_TOO_LARGE', 'The value is over maxValueBytes', about))
      return false
    }
    if (line.is('END')) {
      this.end()
      return true
    }
    const error = serverError(line, this.server)
    if (error === undefined) throw new ProtocolDoubt('no answer to a get')
    this.reject(error)
    return true
  }

  protected abstract found(key: string, item: Item | MemcachedError): void
  protected abstract end(): void

  /** The key that the line names: one of those not yet answered. */
  #keyOf(line: Line): string {
    const named = line.bytes.toString('latin1', line.rest, nextWord(line, line.rest) - 1)
    const index = this.#wire.indexOf(named, this.#next)
    if (index < 0) throw new ProtocolDoubt('a reply to another command')
    this.#next = index + 1
    return this.#keys[index]!
  }

  #item(line: Line, value: Buffer): Item {
    const flagsAt = nextWord(line, line.rest)
    const flags = decimal(line.bytes, flagsAt, line.end)
    if (Number.isNaN(flags)) throw new ProtocolDoubt('a malformed line')
    let cas: bigint | undefined
    if (this.#options?.cas) {
      const digits = line.bytes.toString('latin1', nextWord(line, nextWord(line, flagsAt)), line.end)
      if (!/^\d{1,20}$/.test(digits)) throw new ProtocolDoubt('no cas where one was asked for')
      cas = BigInt(digits)
    }
    const kept = this.#options?.value === false ? Buffer.alloc(0) : value
    return { value: kept, flags, cas, ttl: undefined, won: false, taken: false, stale: false }
  }
}

class Get extends Gets<Item | undefined> {
  #item: Item | MemcachedError | undefined

  protected found(_key: string, item: Item | MemcachedError): void {
    this.#item = item
  }

  protected end(): void {
    if (this.#item instanceof MemcachedError) this.reject(this.#item)
    else this.resolve(this.#item)
  }
}

class GetMany extends Gets<ManyItems> {
  readonly #items = new Map<string, Item>()
  readonly #failed = new Map<string, MemcachedError>()

  protected found(key: string, item: Item | MemcachedError): void {
    if (item instanceof MemcachedError) this.#failed.set(key, item)
    else this.#items.set(key, item)
  }

  protected end(): void {
    this.resolve({ items: this.#items, failed: this.#failed })
  }
}

class Store extends LineRequest<StoreResult> {
  readonly #command: string
  readonly #value: Uint8Array

  constructor(
    key: string,
    value: Uint8Array,
    options: StoreOptions | undefined,
    resolve: Resolve<StoreResult>,
    reject: Reject,
  ) {
    super(resolve, reject)
    const mode = checkStore(options)
    onlyMeta(options, ['acceptStale', 'newCas', 'returnCas'])
    const { cas, expiry, flags } = options ?? {}
    if (cas !== undefined && mode !== 'set') throw needsMeta(`cas with mode: '${mode}'`)
    const verb = cas === undefined ? mode : 'cas'
    const compared = cas === undefined ? '' : ` ${unsigned64('cas', cas)}`
    this.#command = `${verb} ${textKey(key)} ${checkFlags(flags)} ${expiryOnWire(expiry)} ${value.length}${compared}\r\n`
    this.#value = value
    this.size = value.length
  }

  write(out: Outbox): number {
    out.line(this.#command)
    out.value(this.#value)
    out.line('\r\n')
    return 0
  }

  protected answer(line: Line): boolean {
    if (line.is('STORED')) this.resolve({ status: 'stored', cas: undefined })
    else if (line.is('NOT_STORED')) this.resolve({ status: 'refused', cas: undefined })
    else if (line.is('EXISTS')) this.resolve({ status: 'changed', cas: undefined })
    else if (line.is('NOT_FOUND')) this.resolve({ status: 'missing', cas: undefined })
    else throw new ProtocolDoubt('no answer to a set')
    return true
  }
}

/** `DELETED` or `TOUCHED`, else `NOT_FOUND`. */
class YesOrNo extends LineRequest<boolean> {
  readonly #command: string
  readonly #yes: string

  constructor(command: string, yes: string, resolve: Resolve<boolean>, reject: Reject) {
    super(resolve, reject)
    this.#command = command
    this.#yes = yes
  }

  write(out: Outbox): number {
    out.line(this.#command)
    return 0
  }

  protected answer(line: Line): boolean {
    const yes = line.is(this.#yes)
    if (!yes && !line.is('NOT_FOUND')) throw new ProtocolDoubt('no answer to a delete or a touch')
    this.resolve(yes)
    return true
  }
}

class Count extends LineRequest<bigint | undefined> {
  readonly #command: string

  constructor(
    key: string,
    down: boolean,
    options: CountOptions | undefined,
    resolve: Resolve<bigint | undefined>,
    reject: Reject,
  ) {
    super(resolve, reject)
    // Who makes a counter that is missing does it with another command.
    const { by } = checkCount(options)
    this.#command = `${down ? 'decr' : 'incr'} ${textKey(key)} ${by}\r\n`
  }

  write(out: Outbox): number {
    out.line(this.#command)
    return 0
  }

  protected answer(line: Line): boolean {
    if (line.is('NOT_FOUND')) {
      this.resolve(undefined)
      return true
    }
    if (line.is(NO_NUMBER)) {
      return this.refuse('NOT_A_NUMBER', 'What rests there is no unsigned whole number')
    }
    this.resolve(countOf(line.text()))
    return true
  }
}

export const text: Dialect<Line> = {
  name: 'text',
  makesCounters: false,
  reader: (maxValueBytes) => new LineReader(announced, maxValueBytes),
  login: (credentials, resolve, reject) => new AsciiLogin(credentials, resolve, reject),
  hello: (resolve, reject) => new Version(resolve, reject),
  get: (key, options, resolve, reject) => new Get([key], options, resolve, reject),
  getMany: (keys, options, resolve, reject) => new GetMany(keys, options, resolve, reject),
  store: (key, value, options, resolve, reject) => new Store(key, value, options, resolve, reject),
  delete: (key, options, resolve, reject) => {
    checkDelete(options)
    onlyMeta(options, ['cas', 'stale', 'expiry'])
    return new YesOrNo(`delete ${textKey(key)}\r\n`, 'DELETED', resolve, reject)
  },
  touch: (key, expiry, resolve, reject) =>
    new YesOrNo(`touch ${textKey(key)} ${expiryOnWire(expiry)}\r\n`, 'TOUCHED', resolve, reject),
  count: (key, down, options, resolve, reject) => new Count(key, down, options, resolve, reject),
  flush: (delay, resolve, reject) => new Flush(delay, resolve, reject),
  version: (resolve, reject) => new Version(resolve, reject),
  stats: (topic, resolve, reject) => new Stats(topic, resolve, reject),
}
