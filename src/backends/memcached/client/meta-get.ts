/** `mg` of the meta protocol, for one key and for many. */
import { MemcachedError, ProtocolDoubt } from './errors.ts'
import { expiryOnWire } from './expiry.ts'
import type { Line } from './lines.ts'
import { EN, HD, keyed, MetaRequest, MN, readFlags, seen, seenCas, VA } from './meta-reply.ts'
import type { Outbox } from './outbox.ts'
import { Request } from './request.ts'
import { serverError } from './text-admin.ts'
import { checkGet } from './verb-options.ts'
import type { GetOptions, Item, ManyItems, Reject, Resolve } from './verbs.ts'

function newItem(line: Line, cas: boolean, ttl: boolean, empty: boolean): Item {
  if (Number.isNaN(seen.flags) || (ttl && Number.isNaN(seen.ttl))) throw new ProtocolDoubt('a malformed line')
  return {
    value: empty ? EMPTY : line.value!,
    flags: seen.flags,
    cas: cas ? seenCas(line) : undefined,
    ttl: ttl ? seen.ttl : undefined,
    won: seen.won,
    taken: seen.taken,
    stale: seen.stale,
  }
}

const EMPTY = Buffer.alloc(0)

/** The flags that ask for what the options name. */
function getFlags(options: GetOptions | undefined): string {
  if (options === undefined) return ' v f'
  checkGet(options)
  const { cas, ttl, touch, vivify, recache, value, bump } = options
  return [
    value === false ? ' f' : ' v f',
    cas ? ' c' : '',
    ttl ? ' t' : '',
    bump === false ? ' u' : '',
    touch === undefined ? '' : ` T${expiryOnWire(touch)}`,
    vivify === undefined ? '' : ` N${expiryOnWire(vivify)}`,
    recache === undefined ? '' : ` R${Math.max(0, expiryOnWire(recache))}`,
  ].join('')
}

export class Get extends MetaRequest<Item | undefined> {
  readonly #asked: string
  readonly #cas: boolean
  readonly #ttl: boolean
  readonly #empty: boolean

  constructor(
    key: string,
    options: GetOptions | undefined,
    resolve: Resolve<Item | undefined>,
    reject: Reject,
  ) {
    super(resolve, reject)
    this.#asked = keyed(key, getFlags(options))
    this.#cas = options?.cas === true
    this.#ttl = options?.ttl === true
    this.#empty = options?.value === false
  }

  write(out: Outbox, token: number): number {
    this.token = token
    out.line(`mg ${this.#asked} O${token}\r\n`)
    return 1
  }

  protected answer(code: number, line: Line): true {
    if (code === EN) this.resolve(undefined)
    else if (code !== (this.#empty ? HD : VA)) throw new ProtocolDoubt('no answer to a get')
    else if (!this.#empty && line.value === undefined)
      return this.refuse('VALUE_TOO_LARGE', 'The value is over maxValueBytes')
    else this.resolve(newItem(line, this.#cas, this.#ttl, this.#empty))
    return true
  }
}

/** Quiet gets: misses say nothing, and `MN` ends them. */
export class GetMany extends Request<Line, ManyItems> {
  readonly #keys: readonly string[]
  readonly #asked: string[]
  readonly #cas: boolean
  readonly #ttl: boolean
  readonly #empty: boolean
  readonly #items = new Map<string, Item>()
  readonly #failed = new Map<string, MemcachedError>()
  #first = 0
  #next = 0
  #trouble: MemcachedError | undefined

  constructor(
    keys: readonly string[],
    options: GetOptions | undefined,
    resolve: Resolve<ManyItems>,
    reject: Reject,
  ) {
    super(resolve, reject)
    const flags = `${getFlags(options)} q`
    this.#keys = keys
    this.#asked = keys.map((key) => keyed(key, flags))
    this.#cas = options?.cas === true
    this.#ttl = options?.ttl === true
    this.#empty = options?.value === false
  }

  write(out: Outbox, token: number): number {
    this.#first = token
    let text = ''
    for (let i = 0; i < this.#asked.length; i++) text += `mg ${this.#asked[i]} O${token + i}\r\n`
    out.line(`${text}mn\r\n`)
    return this.#asked.length
  }

  take(line: Line): boolean {
    const code = line.end - line.start < 2 ? 0 : line.code
    if (code === (this.#empty ? HD : VA)) {
      readFlags(line)
      const index = seen.token - this.#first
      if (!(index >= this.#next && index < this.#keys.length))
        throw new ProtocolDoubt('a reply to another command')
      this.#next = index + 1
      const key = this.#keys[index]!
      if (this.#empty || line.value !== undefined) {
        this.#items.set(key, newItem(line, this.#cas, this.#ttl, this.#empty))
      } else {
        const about = { server: this.server }
        this.#failed.set(key, new MemcachedError('VALUE_TOO_LARGE', 'The value is over maxValueBytes', about))
      }
      return false
    }
    if (code === MN && line.end - line.start === 2) {
      // A server error says not whose it is: what has no answer is not known to be missing.
      if (this.#trouble !== undefined) {
        for (const key of this.#keys) if (!this.#items.has(key)) this.#failed.set(key, this.#trouble)
      }
      this.resolve({ items: this.#items, failed: this.#failed })
      return true
    }
    this.#trouble = serverError(line, this.server)
    if (this.#trouble === undefined) throw new ProtocolDoubt('no answer to a get')
    return false
  }
}
