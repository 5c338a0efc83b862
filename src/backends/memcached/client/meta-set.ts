/** What changes an item by the meta protocol: `ms`, `md`, `ma`, and `mg` with a new expiry. */
import { checkFlags, unsigned64 } from './arguments.ts'
import { argumentError, ProtocolDoubt } from './errors.ts'
import { expiryOnWire } from './expiry.ts'
import { base64Key, isPlain } from './key.ts'
import type { Line } from './lines.ts'
import { EN, EX, HD, keyed, MetaRequest, NF, NS, seenCas, VA } from './meta-reply.ts'
import type { Outbox } from './outbox.ts'
import { Request } from './request.ts'
import { countOf, NO_NUMBER, serverError } from './text-admin.ts'
import { checkCount, checkDelete, checkSetMany, checkStore } from './verb-options.ts'
import type {
  CountOptions,
  DeleteOptions,
  Mode,
  Reject,
  Resolve,
  SetOptions,
  StoreOptions,
  StoreResult,
} from './verbs.ts'

/** `newCas` (the E flag) came with memcached 1.6.27. */
const E_FLAG = 1_006_027

const MODES: Record<Mode, string> = { set: '', add: ' ME', replace: ' MR', append: ' MA', prepend: ' MP' }

function setFlags(options: SetOptions): string {
  const expiry = expiryOnWire(options.expiry)
  const flags = checkFlags(options.flags)
  return (expiry === 0 ? '' : ` T${expiry}`) + (flags === 0 ? '' : ` F${flags}`)
}

function storeFlags(options: StoreOptions | undefined): string {
  const mode = checkStore(options)
  if (options === undefined) return ''
  const { cas, acceptStale, newCas, returnCas } = options
  return (
    setFlags(options) +
    MODES[mode] +
    (cas === undefined ? '' : ` C${unsigned64('cas', cas)}`) +
    (acceptStale ? ' I' : '') +
    (newCas === undefined ? '' : ` E${unsigned64('newCas', newCas)}`) +
    (returnCas ? ' c' : '')
  )
}

/** Results without a cas, made once. */
const RESULTS: Record<StoreResult['status'], StoreResult> = {
  stored: { status: 'stored', cas: undefined },
  refused: { status: 'refused', cas: undefined },
  changed: { status: 'changed', cas: undefined },
  missing: { status: 'missing', cas: undefined },
}

export class Store extends MetaRequest<StoreResult> {
  readonly #asked: string
  readonly #value: Uint8Array
  readonly #cas: boolean

  constructor(
    key: string,
    value: Uint8Array,
    options: StoreOptions | undefined,
    resolve: Resolve<StoreResult>,
    reject: Reject,
  ) {
    super(resolve, reject)
    this.#asked = storing(key, value, storeFlags(options))
    this.#value = value
    this.#cas = options?.returnCas === true
    this.size = value.length
    if (options?.newCas !== undefined) this.since = E_FLAG
  }

  write(out: Outbox, token: number): number {
    this.token = token
    out.line(`ms ${this.#asked} O${token}\r\n`)
    out.value(this.#value)
    out.line('\r\n')
    return 1
  }

  protected answer(code: number, line: Line): true {
    if (code === HD) this.resolve(this.#cas ? { status: 'stored', cas: seenCas(line) } : RESULTS.stored)
    else if (code === NS) this.resolve(RESULTS.refused)
    else if (code === EX) this.resolve(RESULTS.changed)
    else if (code === NF) this.resolve(RESULTS.missing)
    else throw new ProtocolDoubt('no answer to a set')
    return true
  }
}

function storing(key: string, value: Uint8Array, flags: string): string {
  return isPlain(key) ? `${key} ${value.length}${flags}` : `${base64Key(key)} ${value.length} b${flags}`
}

/** Quiet sets: what was stored says nothing, and `MN` ends them. */
export class SetMany extends Request<Line, boolean> {
  readonly #entries: readonly (readonly [string, Uint8Array])[]
  readonly #asked: string[]
  #whole = true

  constructor(
    entries: readonly (readonly [string, Uint8Array])[],
    options: SetOptions | undefined,
    resolve: Resolve<boolean>,
    reject: Reject,
  ) {
    super(resolve, reject)
    checkSetMany(options)
    const flags = options === undefined ? ' q' : `${setFlags(options)} q`
    this.#entries = entries
    this.#asked = entries.map(([key, value]) => storing(key, value, flags))
    for (const [, value] of entries) this.size += value.length
  }

  write(out: Outbox, token: number): number {
    const entries = this.#entries
    for (let i = 0; i < entries.length; i++) {
      out.line(`ms ${this.#asked[i]} O${token + i}\r\n`)
      out.value(entries[i]![1])
      out.line('\r\n')
    }
    out.line('mn\r\n')
    return entries.length
  }

  take(line: Line): boolean {
    if (line.is('MN')) {
      this.resolve(this.#whole)
      return true
    }
    // A refusal carries no token, so that it cannot be said whose it is.
    if (serverError(line, this.server) === undefined) throw new ProtocolDoubt('no answer to a set')
    this.#whole = false
    return false
  }
}

export class Delete extends MetaRequest<boolean> {
  readonly #asked: string

  constructor(key: string, options: DeleteOptions | undefined, resolve: Resolve<boolean>, reject: Reject) {
    super(resolve, reject)
    checkDelete(options)
    const cas = options?.cas === undefined ? '' : ` C${unsigned64('cas', options.cas)}`
    const expiry = options?.expiry === undefined ? '' : ` T${expiryOnWire(options.expiry)}`
    if (expiry !== '' && options?.stale !== true) {
      throw argumentError(TypeError, 'INVALID_ARGUMENT', 'expiry: only with { stale: true }')
    }
    this.#asked = keyed(key, cas + (options?.stale ? ` I${expiry}` : ''))
  }

  write(out: Outbox, token: number): number {
    this.token = token
    out.line(`md ${this.#asked} O${token}\r\n`)
    return 1
  }

  protected answer(code: number): true {
    if (code !== HD && code !== NF && code !== EX) throw new ProtocolDoubt('no answer to a delete')
    this.resolve(code === HD)
    return true
  }
}

export class Touch extends MetaRequest<boolean> {
  readonly #asked: string

  constructor(key: string, expiry: number | undefined, resolve: Resolve<boolean>, reject: Reject) {
    super(resolve, reject)
    this.#asked = keyed(key, ` T${expiryOnWire(expiry)}`)
  }

  write(out: Outbox, token: number): number {
    this.token = token
    out.line(`mg ${this.#asked} O${token}\r\n`)
    return 1
  }

  protected answer(code: number): true {
    // A touch into the past removes the item, and answers as if it had not been there.
    if (code !== HD && code !== EN) throw new ProtocolDoubt('no answer to a touch')
    this.resolve(code === HD)
    return true
  }
}

export class Count extends MetaRequest<bigint | undefined> {
  readonly #asked: string

  constructor(
    key: string,
    down: boolean,
    options: CountOptions | undefined,
    resolve: Resolve<bigint | undefined>,
    reject: Reject,
  ) {
    super(resolve, reject)
    const { by, initial, expiry } = checkCount(options)
    const made = initial === undefined ? '' : ` N${expiry} J${initial}`
    this.#asked = keyed(key, `${made} D${by} M${down ? 'D' : 'I'} v`)
  }

  write(out: Outbox, token: number): number {
    this.token = token
    out.line(`ma ${this.#asked} O${token}\r\n`)
    return 1
  }

  protected answer(code: number, line: Line): true {
    if (code === NF) this.resolve(undefined)
    else if (code === VA && line.value !== undefined) this.resolve(countOf(line.value.toString('latin1')))
    // NS: another made it between the miss and the making; the server did nothing.
    else if (code === NS) this.resolve(undefined)
    else throw new ProtocolDoubt('no answer to a count')
    return true
  }

  protected override other(line: Line): true {
    if (!line.is(NO_NUMBER)) return super.other(line)
    return this.refuse('NOT_A_NUMBER', 'What rests there is no unsigned whole number')
  }
}
