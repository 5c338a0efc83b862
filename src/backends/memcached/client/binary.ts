/**
 * The binary protocol, which memcached has given up in favour of the meta protocol. Here for hosted services that log
 * in by SASL, which exists nowhere else: the plain verbs, and no more. Every reply carries its request's token.
 */
import { checkFlags, unsigned64 } from './arguments.ts'
import { MemcachedError, type MemcachedErrorCode, ProtocolDoubt } from './errors.ts'
import { expiryOnWire } from './expiry.ts'
import { type Frame, FrameReader, HEADER } from './frames.ts'
import { binaryKey } from './key.ts'
import type { Outbox } from './outbox.ts'
import { Request } from './request.ts'
import { checkTopic } from './text-admin.ts'
import { checkCount, checkDelete, checkGet, checkStore, onlyMeta } from './verb-options.ts'
import type {
  CountOptions,
  DeleteOptions,
  Dialect,
  GetOptions,
  Item,
  ManyItems,
  Mode,
  Reject,
  Resolve,
  StoreOptions,
  StoreResult,
} from './verbs.ts'

const GET = 0x00
const DELETE = 0x04
const INCR = 0x05
const DECR = 0x06
const FLUSH = 0x08
const GETQ = 0x09
const NOOP = 0x0a
const VERSION = 0x0b
const STAT = 0x10
const TOUCH = 0x1c
const GAT = 0x1d
const GATQ = 0x1e
const SASL_AUTH = 0x21
const STORES: Record<Mode, number> = { set: 0x01, add: 0x02, replace: 0x03, append: 0x0e, prepend: 0x0f }

const OK = 0
const NOT_FOUND = 1
const EXISTS = 2
const NOT_STORED = 5

const REFUSALS: Record<number, [MemcachedErrorCode, string]> = {
  3: ['VALUE_TOO_LARGE', "The value is over the server's item limit (-I)"],
  6: ['NOT_A_NUMBER', 'What rests there is no unsigned whole number'],
  32: ['AUTH_FAILED', 'User name or password refused, or needed'],
  129: ['NOT_SUPPORTED', 'The server does not know this command'],
  130: ['OUT_OF_MEMORY', 'The server has no room left'],
  131: ['NOT_SUPPORTED', 'The server does not support this command'],
}

const NOTHING = Buffer.alloc(0)

/** Here the expiry is unsigned, so that -1 is far away; an instant of 1970 is over for certain. */
const OVER = 2_592_001

function expiryBytes(seconds: number | undefined): Buffer {
  const expiry = expiryOnWire(seconds)
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(expiry < 0 ? OVER : expiry)
  return bytes
}

/** A request without its token. */
function packet(opcode: number, key: Uint8Array, extras: Uint8Array, valueLength: number, cas = 0n): Buffer {
  const bytes = Buffer.alloc(HEADER + extras.length + key.length)
  bytes[0] = 0x80
  bytes[1] = opcode
  bytes.writeUInt16BE(key.length, 2)
  bytes[4] = extras.length
  bytes.writeUInt32BE(extras.length + key.length + valueLength, 8)
  bytes.writeBigUInt64BE(cas, 16)
  bytes.set(extras, HEADER)
  bytes.set(key, HEADER + extras.length)
  return bytes
}

/** One command with one reply, or as many as `answer` wants. */
class Command<Result> extends Request<Frame, Result> {
  readonly #packet: Buffer
  readonly #value: Uint8Array
  readonly #answer: (frame: Frame) => Result | typeof MORE

  constructor(
    head: Buffer,
    value: Uint8Array,
    answer: (frame: Frame) => Result | typeof MORE,
    resolve: Resolve<Result>,
    reject: Reject,
  ) {
    super(resolve, reject)
    this.#packet = head
    this.#value = value
    this.#answer = answer
    this.size = value.length
  }

  write(out: Outbox, token: number): number {
    this.#packet.writeUInt32BE(token, 12)
    out.value(this.#packet)
    if (this.#value.length > 0) out.value(this.#value)
    return 1
  }

  take(frame: Frame): boolean {
    const head = this.#packet
    if (frame.opcode !== head[1] || frame.opaque !== head.readUInt32BE(12)) {
      throw new ProtocolDoubt('a reply to another command')
    }
    const { status } = frame
    if (status !== OK && status !== NOT_FOUND && status !== EXISTS && status !== NOT_STORED) {
      const [code, message] = REFUSALS[status] ?? ['SERVER_ERROR', 'The server failed at this command']
      return this.refuse(code, message)
    }
    const result = this.#answer(frame)
    if (result === MORE) return false
    this.resolve(result)
    return true
  }
}

const MORE = Symbol('more')

const META_GET = ['ttl', 'vivify', 'recache', 'bump'] as const

function getPacket(key: string, quiet: boolean, options: GetOptions | undefined): Buffer {
  if (options?.touch === undefined) return packet(quiet ? GETQ : GET, binaryKey(key), NOTHING, 0)
  return packet(quiet ? GATQ : GAT, binaryKey(key), expiryBytes(options.touch), 0)
}

function itemOf(frame: Frame, value: Buffer, options: GetOptions | undefined): Item {
  if (frame.extras.length !== 4) throw new ProtocolDoubt('no answer to a get')
  return {
    value: options?.value === false ? NOTHING : value,
    flags: frame.extras.readUInt32BE(0),
    cas: options?.cas ? frame.cas : undefined,
    ttl: undefined,
    won: false,
    taken: false,
    stale: false,
  }
}

class Get extends Request<Frame, Item | undefined> {
  readonly #packet: Buffer
  readonly #options: GetOptions | undefined

  constructor(
    key: string,
    options: GetOptions | undefined,
    resolve: Resolve<Item | undefined>,
    reject: Reject,
  ) {
    super(resolve, reject)
    checkGet(options)
    onlyMeta(options, META_GET)
    this.#packet = getPacket(key, false, options)
    this.#options = options
  }

  write(out: Outbox, token: number): number {
    this.#packet.writeUInt32BE(token, 12)
    out.value(this.#packet)
    return 1
  }

  take(frame: Frame): boolean {
    if (frame.opcode !== this.#packet[1] || frame.opaque !== this.#packet.readUInt32BE(12)) {
      throw new ProtocolDoubt('a reply to another command')
    }
    if (frame.status === NOT_FOUND) this.resolve(undefined)
    else if (frame.status !== OK) return this.refuse('SERVER_ERROR', 'The server failed at this command')
    else if (frame.value === undefined)
      return this.refuse('VALUE_TOO_LARGE', 'The value is over maxValueBytes')
    else this.resolve(itemOf(frame, frame.value, this.#options))
    return true
  }
}

/** Quiet gets: misses say nothing, and a no-op ends them. */
class GetMany extends Request<Frame, ManyItems> {
  readonly #keys: readonly string[]
  readonly #packets: Buffer[]
  readonly #options: GetOptions | undefined
  readonly #items = new Map<string, Item>()
  readonly #failed = new Map<string, MemcachedError>()
  #first = 0
  #next = 0

  constructor(
    keys: readonly string[],
    options: GetOptions | undefined,
    resolve: Resolve<ManyItems>,
    reject: Reject,
  ) {
    super(resolve, reject)
    checkGet(options)
    onlyMeta(options, META_GET)
    this.#keys = keys
    this.#packets = [...keys.map((key) => getPacket(key, true, options)), packet(NOOP, NOTHING, NOTHING, 0)]
    this.#options = options
  }

  write(out: Outbox, token: number): number {
    this.#first = token
    for (const [i, bytes] of this.#packets.entries()) {
      bytes.writeUInt32BE(token + i, 12)
      out.value(bytes)
    }
    return this.#packets.length
  }

  take(frame: Frame): boolean {
    const index = frame.opaque - this.#first
    const asked = this.#packets[index]
    if (asked === undefined || index < this.#next || asked[1] !== frame.opcode) {
      throw new ProtocolDoubt('a reply to another command')
    }
    this.#next = index + 1
    if (frame.opcode === NOOP) {
      this.resolve({ items: this.#items, failed: this.#failed })
      return true
    }
    const key = this.#keys[index]!
    const about = { server: this.server }
    if (frame.status === OK && frame.value !== undefined) {
      this.#items.set(key, itemOf(frame, frame.value, this.#options))
    } else if (frame.status === OK) {
      this.#failed.set(key, new MemcachedError('VALUE_TOO_LARGE', 'The value is over maxValueBytes', about))
    } else if (frame.status !== NOT_FOUND) {
      this.#failed.set(key, new MemcachedError('SERVER_ERROR', 'The server failed at this command', about))
    }
    return false
  }
}

function store(
  key: string,
  value: Uint8Array,
  options: StoreOptions | undefined,
  resolve: Resolve<StoreResult>,
  reject: Reject,
): Request<Frame> {
  const mode = checkStore(options)
  onlyMeta(options, ['acceptStale', 'newCas'])
  const joins = mode === 'append' || mode === 'prepend'
  const flags = Buffer.alloc(4)
  flags.writeUInt32BE(checkFlags(options?.flags))
  const extras = joins ? NOTHING : Buffer.concat([flags, expiryBytes(options?.expiry)])
  const cas = options?.cas === undefined ? 0n : unsigned64('cas', options.cas)
  const answer = ({ status, cas: newCas }: Frame): StoreResult => {
    if (status === OK) return { status: 'stored', cas: options?.returnCas ? newCas : undefined }
    if (options?.cas === undefined) return { status: 'refused', cas: undefined }
    return { status: status === NOT_FOUND ? 'missing' : 'changed', cas: undefined }
  }
  return new Command(
    packet(STORES[mode], binaryKey(key), extras, value.length, cas),
    value,
    answer,
    resolve,
    reject,
  )
}

function count(
  key: string,
  down: boolean,
  options: CountOptions | undefined,
  resolve: Resolve<bigint | undefined>,
  reject: Reject,
): Request<Frame> {
  const { by, initial } = checkCount(options)
  const extras = Buffer.alloc(20)
  extras.writeBigUInt64BE(by, 0)
  extras.writeBigUInt64BE(initial ?? 0n, 8)
  if (initial === undefined) extras.writeUInt32BE(0xffff_ffff, 16)
  else extras.set(expiryBytes(options?.expiry), 16)
  const answer = ({ status, value }: Frame) => {
    if (status !== OK) return undefined
    if (value?.length !== 8) throw new ProtocolDoubt('no answer to a count')
    return value.readBigUInt64BE(0)
  }
  return new Command(packet(down ? DECR : INCR, binaryKey(key), extras, 0), NOTHING, answer, resolve, reject)
}

function remove(key: string, options: DeleteOptions | undefined, resolve: Resolve<boolean>, reject: Reject) {
  checkDelete(options)
  onlyMeta(options, ['stale', 'expiry'])
  const cas = options?.cas === undefined ? 0n : unsigned64('cas', options.cas)
  return new Command(packet(DELETE, binaryKey(key), NOTHING, 0, cas), NOTHING, isOk, resolve, reject)
}

const isOk = (frame: Frame) => frame.status === OK

const textOf = (frame: Frame) => String(frame.value ?? '')

function version(resolve: Resolve<string>, reject: Reject): Request<Frame> {
  return new Command(packet(VERSION, NOTHING, NOTHING, 0), NOTHING, textOf, resolve, reject)
}

function stats(topic: string, resolve: Resolve<Map<string, string>>, reject: Reject): Request<Frame> {
  const found = new Map<string, string>()
  const answer = (frame: Frame) => {
    if (frame.key.length === 0) return found
    found.set(String(frame.key), textOf(frame))
    return MORE
  }
  return new Command(
    packet(STAT, Buffer.from(checkTopic(topic)), NOTHING, 0),
    NOTHING,
    answer,
    resolve,
    reject,
  )
}

export const binary: Dialect<Frame> = {
  name: 'binary',
  makesCounters: true,
  reader: (maxValueBytes) => new FrameReader(maxValueBytes),
  login({ username, password }, resolve, reject) {
    const plain = Buffer.from(`\0${username}\0${password}`)
    const head = packet(SASL_AUTH, Buffer.from('PLAIN'), NOTHING, plain.length)
    return new Command<void>(head, plain, () => undefined, resolve, reject)
  },
  hello: version,
  get: (key, options, resolve, reject) => new Get(key, options, resolve, reject),
  getMany: (keys, options, resolve, reject) => new GetMany(keys, options, resolve, reject),
  store,
  delete: remove,
  touch: (key, expiry, resolve, reject) =>
    new Command(packet(TOUCH, binaryKey(key), expiryBytes(expiry), 0), NOTHING, isOk, resolve, reject),
  count,
  flush(delay, resolve, reject) {
    const head = packet(FLUSH, NOTHING, delay === 0 ? NOTHING : expiryBytes(delay), 0)
    return new Command<void>(head, NOTHING, () => undefined, resolve, reject)
  },
  version,
  stats,
}
