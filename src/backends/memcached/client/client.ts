/**
 * A memcached client. Every verb answers a promise that rejects with a coded error and never hangs: what cannot be
 * answered within `timeout` fails, and what a server that is down cannot answer fails at once. A server that is dead,
 * frozen or slow concerns its own keys alone. Nothing here retries, hashes keys or hides a failure: that is for the caller.
 */
import { bytesOf } from './arguments.ts'
import { binary } from './binary.ts'
import { distribute, type Place } from './distribution.ts'
import { argumentError, MemcachedError } from './errors.ts'
import { checkKey } from './key.ts'
import { meta } from './meta.ts'
import { type ClientOptions, type Settings, settle } from './options.ts'
import type { Request } from './request.ts'
import { Server } from './server.ts'
import { text } from './text.ts'
import type {
  CountOptions,
  DeleteOptions,
  Dialect,
  GetOptions,
  Item,
  ManyItems,
  MemcachedClient,
  Reject,
  Resolve,
  ServerStatus,
  SetOptions,
  StoreOptions,
  StoreResult,
  Value,
} from './verbs.ts'

/**
 * Makes a client. Nothing is connected before the first verb.
 *
 * @throws TypeError, RangeError with code `INVALID_OPTION`
 *
 * @example
 * const client = memcachedClient({ servers: 'a.example,b.example:11212', timeout: 100 })
 * await client.set('greeting', 'hello', { expiry: 60 })
 * const item = await client.get('greeting', { cas: true })
 * if (item) await client.cas('greeting', `${item.value} world`, item.cas!)
 * await client.close()
 */
export function memcachedClient(options?: ClientOptions): MemcachedClient {
  const settings = settle(options)
  if (settings.protocol === 'text') return new Client(settings, text)
  return settings.protocol === 'binary' ? new Client(settings, binary) : new Client(settings, meta)
}

class Client<Reply> implements MemcachedClient {
  readonly #settings: Settings
  readonly #dialect: Dialect<Reply>
  readonly #servers: readonly Server<Reply>[]
  readonly #only: Server<Reply> | undefined
  #place: Place
  /** Those that `place` counts; all, unless dead ones are ejected. */
  #placed: readonly Server<Reply>[]

  constructor(settings: Settings, dialect: Dialect<Reply>) {
    this.#settings = settings
    this.#dialect = dialect
    const changed = settings.ejectDead ? () => this.#replace() : () => {}
    this.#servers = settings.servers.map((address) => new Server(address, settings, dialect, changed))
    this.#only = this.#servers.length === 1 ? this.#servers[0] : undefined
    this.#placed = this.#servers
    this.#place = distribute(settings, settings.servers)
  }

  get(key: string, options?: GetOptions): Promise<Item | undefined> {
    return new Promise((resolve, reject) => {
      this.#serverOf(key).ask(this.#dialect.get(key, options, resolve, reject))
    })
  }

  async getMany(keys: readonly string[], options?: GetOptions): Promise<ManyItems> {
    const asked = this.#grouped(keys, keyItself).map(([server, group]) => ({
      group,
      ask: this.#prepare<ManyItems>(server, (resolve, reject) =>
        this.#dialect.getMany(group, options, resolve, reject),
      ),
    }))
    const answers = await Promise.all(
      asked.map(({ group, ask }) =>
        ask().catch((error) => ({ items: new Map<string, Item>(), failed: allOf(group, error) })),
      ),
    )
    if (answers.length === 1) return answers[0]!
    return {
      items: new Map(answers.flatMap(({ items }) => [...items])),
      failed: new Map(answers.flatMap(({ failed }) => [...failed])),
    }
  }

  set(key: string, value: Value, options?: SetOptions): Promise<boolean> {
    return this.#stored(key, value, options, undefined)
  }

  add(key: string, value: Value, options?: SetOptions): Promise<boolean> {
    return this.#stored(key, value, options, 'add')
  }

  replace(key: string, value: Value, options?: SetOptions): Promise<boolean> {
    return this.#stored(key, value, options, 'replace')
  }

  async cas(
    key: string,
    value: Value,
    cas: bigint,
    options?: SetOptions,
  ): Promise<'stored' | 'changed' | 'missing'> {
    if (typeof cas !== 'bigint')
      throw argumentError(TypeError, 'INVALID_ARGUMENT', "cas: the item's own, a bigint")
    const { status } = await this.store(key, value, { ...options, cas })
    // Without a mode nothing is refused.
    return status === 'refused' ? 'changed' : status
  }

  store(key: string, value: Value, options?: StoreOptions): Promise<StoreResult> {
    return new Promise((resolve, reject) => {
      const bytes = bytesOf(value, this.#settings.maxValueBytes)
      this.#serverOf(key).ask(this.#dialect.store(key, bytes, options, resolve, reject))
    })
  }

  async setMany(
    entries: Iterable<readonly [key: string, value: Value]>,
    options?: SetOptions,
  ): Promise<Map<string, MemcachedError>> {
    const { maxValueBytes } = this.#settings
    const list = Array.from(entries, ([key, value]) => [key, bytesOf(value, maxValueBytes)] as const)
    const quiet = this.#dialect.setMany
    if (quiet === undefined) return this.#setEach(list, options)
    const asked = this.#grouped(list, ([key]) => key).map(([server, group]) => ({
      group,
      ask: this.#prepare<boolean>(server, (resolve, reject) => quiet(group, options, resolve, reject)),
    }))
    const failed = await Promise.all(
      asked.map(async ({ group, ask }) => {
        try {
          // Some failed, and the server did not say which: said again one by one, each has its own answer.
          return (await ask()) ? new Map<string, MemcachedError>() : await this.#setEach(group, options)
        } catch (error) {
          return allOf(
            group.map(([key]) => key),
            error,
          )
        }
      }),
    )
    return new Map(failed.flatMap((map) => [...map]))
  }

  delete(key: string, options?: DeleteOptions): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#serverOf(key).ask(this.#dialect.delete(key, options, resolve, reject))
    })
  }

  async deleteMany(
    keys: readonly string[],
  ): Promise<{ deleted: number; failed: Map<string, MemcachedError> }> {
    let deleted = 0
    const failed = await allAsked(
      keys.map((key) => ({
        key,
        ask: this.#prepare<boolean>(this.#serverOf(key), (resolve, reject) =>
          this.#dialect.delete(key, undefined, resolve, reject),
        ),
      })),
      (was) => {
        if (was) deleted++
      },
    )
    return { deleted, failed }
  }

  touch(key: string, expiry?: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#serverOf(key).ask(this.#dialect.touch(key, expiry, resolve, reject))
    })
  }

  incr(key: string, options?: CountOptions): Promise<bigint | undefined> {
    return this.#count(key, false, options)
  }

  decr(key: string, options?: CountOptions): Promise<bigint | undefined> {
    return this.#count(key, true, options)
  }

  async flushAll(delay = 0): Promise<void> {
    if (!Number.isInteger(delay) || delay < 0 || delay > 2 ** 31 - 1) {
      throw argumentError(RangeError, 'INVALID_ARGUMENT', 'delay: a whole number of seconds, not below 0')
    }
    const answers = await this.#everywhere<void>((resolve, reject) =>
      this.#dialect.flush(delay, resolve, reject),
    )
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason
  }

  version(): Promise<Map<string, string>> {
    return this.#byServer((resolve, reject) => this.#dialect.version(resolve, reject))
  }

  stats(topic = ''): Promise<Map<string, Map<string, string>>> {
    return this.#byServer((resolve, reject) => this.#dialect.stats(topic, resolve, reject))
  }

  get servers(): ServerStatus[] {
    return this.#servers.map(({ address, state, pending }) => ({ name: address.name, state, pending }))
  }

  serverOf(key: string): string {
    return this.#serverOf(key).address.name
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()))
  }

  #serverOf(key: string): Server<Reply> {
    if (this.#only !== undefined) return this.#only
    // Before it is hashed, which takes its time with a key of a megabyte.
    checkKey(key)
    return this.#placed[this.#place(key)]!
  }

  /** The ring of those that are not down; of all when all are. */
  #replace(): void {
    const alive = this.#servers.filter((server) => !server.isDown)
    this.#placed = alive.length === 0 ? this.#servers : alive
    this.#place = distribute(
      this.#settings,
      this.#placed.map((server) => server.address),
    )
  }

  #grouped<T>(
    list: readonly T[],
    keyOf: (item: T) => string,
  ): [server: Server<Reply>, group: readonly T[]][] {
    if (list.length === 0) return []
    if (this.#only !== undefined) return [[this.#only, list]]
    const groups = new Map<Server<Reply>, T[]>()
    for (const item of list) {
      const server = this.#serverOf(keyOf(item))
      const group = groups.get(server)
      if (group === undefined) groups.set(server, [item])
      else group.push(item)
    }
    return [...groups]
  }

  /** Makes a request, which may throw; sent when it is called, after all of a call are made. */
  #prepare<T>(
    server: Server<Reply>,
    make: (resolve: Resolve<T>, reject: Reject) => Request<Reply>,
  ): () => Promise<T> {
    let resolve: Resolve<T> = ignore
    let reject: Reject = ignore
    const promise = new Promise<T>((yes, no) => {
      resolve = yes
      reject = no
    })
    const request = make(resolve, reject)
    return () => {
      server.ask(request)
      return promise
    }
  }

  #stored(
    key: string,
    value: Value,
    options: SetOptions | undefined,
    mode: StoreOptions['mode'],
  ): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const bytes = bytesOf(value, this.#settings.maxValueBytes)
      const how = mode === undefined ? options : { ...options, mode }
      const answer = (result: StoreResult) => resolve(result.status === 'stored')
      this.#serverOf(key).ask(this.#dialect.store(key, bytes, how, answer, reject))
    })
  }

  #setEach(
    entries: readonly (readonly [string, Uint8Array])[],
    options: SetOptions | undefined,
  ): Promise<Map<string, MemcachedError>> {
    return allAsked(
      entries.map(([key, value]) => ({
        key,
        ask: this.#prepare<StoreResult>(this.#serverOf(key), (resolve, reject) =>
          this.#dialect.store(key, value, options, resolve, reject),
        ),
      })),
      ignore,
    )
  }

  async #count(key: string, down: boolean, options: CountOptions | undefined): Promise<bigint | undefined> {
    const server = this.#serverOf(key)
    const initial = options?.initial
    for (let attempt = 0; attempt < COUNT_ATTEMPTS; attempt++) {
      const ask = this.#prepare<bigint | undefined>(server, (resolve, reject) =>
        this.#dialect.count(key, down, options, resolve, reject),
      )
      const counted = await ask()
      if (counted !== undefined || initial === undefined) return counted
      // Of several that miss together one adds, and the others count.
      const { expiry } = options ?? {}
      const made = this.#dialect.makesCounters
        ? false
        : await this.add(key, String(initial), expiry === undefined ? undefined : { expiry })
      if (made) return BigInt(initial)
    }
    const { name } = server.address
    throw new MemcachedError('SERVER_ERROR', `The counter came and went (${name})`, { server: name })
  }

  #everywhere<T>(
    make: (resolve: Resolve<T>, reject: Reject) => Request<Reply>,
  ): Promise<PromiseSettledResult<T>[]> {
    const asked = this.#servers.map((server) => this.#prepare<T>(server, make))
    return Promise.allSettled(asked.map((ask) => ask()))
  }

  async #byServer<T>(make: (resolve: Resolve<T>, reject: Reject) => Request<Reply>): Promise<Map<string, T>> {
    const answers = await this.#everywhere<T>(make)
    const found = new Map<string, T>()
    let failure: unknown
    for (const [index, answer] of answers.entries()) {
      if (answer.status === 'fulfilled') found.set(this.#servers[index]!.address.name, answer.value)
      else failure = answer.reason
    }
    if (found.size === 0) throw failure
    return found
  }
}

/** A counter that others delete and make again between our miss and our making. */
const COUNT_ATTEMPTS = 5

const keyItself = (key: string) => key

const ignore = () => {}

/** Sends them all, and answers which failed. */
async function allAsked<T>(
  asked: readonly { key: string; ask: () => Promise<T> }[],
  answered: (result: T) => void,
): Promise<Map<string, MemcachedError>> {
  const failed = new Map<string, MemcachedError>()
  await Promise.all(
    asked.map(({ key, ask }) => ask().then(answered, (error) => failed.set(key, failureOf(error)))),
  )
  return failed
}

function allOf(keys: readonly string[], error: unknown): Map<string, MemcachedError> {
  const failure = failureOf(error)
  return new Map(keys.map((key) => [key, failure]))
}

/** What a request that was sent fails with; anything else is a fault of ours and not to be hidden. */
function failureOf(error: unknown): MemcachedError {
  if (error instanceof MemcachedError) return error
  throw error
}
