/**
 * The verbs in Redis's commands. An entry rests under its storage key with Redis's own expiry, its claim beside it. Reads
 * may come from a replica; what leads to a write (`peek`, `claim`) is asked of the leader.
 */
import { randomUUID } from 'node:crypto'
import type { Backend, Claimed, Host, Kept, Network, Space } from '../../core/backend.ts'
import { systemClock } from '../../core/clock.ts'
import { argumentError, notANumber } from '../../core/errors.ts'
import { GRACED, PLAIN, type Stored } from '../../core/values/entry.ts'
import { clearEverything, clearSpace } from './clear.ts'
import type { Reply, Word } from './client.ts'
import { answered, failure, failureOf, isNoAnswer } from './failure.ts'
import type { LinkOptions } from './link.ts'
import { LostClaims } from './lost-claims.ts'
import { groups, Reads } from './reads.ts'
import { beginsNumeral, isOfScript } from './replies.ts'
import { runScript } from './run-script.ts'
import * as scripts from './scripts.ts'
import type { Servers } from './servers.ts'
import { claimKey } from './slot.ts'
import { storageKeyOf } from './storage-key.ts'
import { Writes } from './writes.ts'

const GRACED_BYTE = Buffer.of(GRACED)

/** How long it may take to load the client library, in milliseconds. */
const LOADING = 2_000

const ALONE: Host = { clock: systemClock, evicted() {}, corrupt() {}, failed() {} }

export class RedisBackend implements Backend {
  readonly name = 'redis'
  readonly holds = 'bytes'
  readonly sync = false
  readonly shared = true
  readonly network: Network
  readonly #servers: Servers
  readonly #reads: Reads
  readonly #writes: Writes
  readonly #lostClaims = new LostClaims()
  #host: Host | undefined

  constructor(servers: Servers, { opTimeout, connectTimeout, maxInFlight }: LinkOptions) {
    this.#servers = servers
    this.network = {
      // The first operations wait for the library to be loaded, which takes what it takes, and for the connection, which
      // has a deadline of its own: a process that starts on a busy machine must not begin with an outage.
      get opTimeout() {
        return servers.cold ? LOADING + connectTimeout + opTimeout : opTimeout
      },
      maxInFlight,
      inParts: servers.cluster,
      noAnswer: (error) => servers.noAnswer(error),
      reconnect: () => this.#reconnect(),
    }
    this.#writes = new Writes(
      servers.leader,
      () => servers.cluster,
      () => this.#full('set'),
    )
    this.#reads = new Reads(servers, this.#writes.leave, (key) => this.#host?.corrupt(key, 'wrong-type'))
  }

  open(host: Host): void {
    this.#host ??= host
  }

  close(): void {
    this.#servers.close()
  }

  get(space: Space, key: string): Promise<Stored | undefined> {
    return this.#reads.get(storageKeyOf(space, key), key)
  }

  async getMany(space: Space, keys: readonly string[]): Promise<Map<string, Stored>> {
    let lost = 0
    let why: Error | undefined
    const storageKeys = keys.map((key) => storageKeyOf(space, key))
    const values = await this.#reads.getMany(storageKeys, (places, error) => {
      if (answered(error, 'WRONGTYPE')) return this.#host?.corrupt(keys[places[0]!]!, 'wrong-type')
      lost += places.length
      why = error
    })
    if (why && lost === keys.length) throw why
    // A part of a Cluster: its keys are missing, the others are served.
    if (why) this.#host?.failed('getMany', why)
    const found = new Map<string, Stored>()
    for (let i = 0; i < keys.length; i++) if (values[i]) found.set(keys[i]!, values[i])
    return found
  }

  async has(space: Space, key: string): Promise<boolean | 'graced'> {
    const storageKey = storageKeyOf(space, key)
    this.#writes.leave()
    try {
      const first = await this.#servers.reader().call(['getrange', storageKey, '0', '0'], storageKey, true)
      if (!(first instanceof Buffer) || first.length === 0) return false
      // What is neither ours nor a number may be anybody's: the handle looks.
      return first[0] === PLAIN || beginsNumeral(first[0]!) || 'graced'
    } catch (error) {
      return this.#missing(key, error, false)
    }
  }

  async peek(space: Space, key: string): Promise<Kept | undefined> {
    try {
      const reply = await this.#one(scripts.PEEK, storageKeyOf(space, key), [])
      const [stored, ms] = Array.isArray(reply) ? reply : []
      if (!(stored instanceof Buffer)) return undefined
      const expiresAt = ms === -1 ? Number.POSITIVE_INFINITY : this.#clock.now() + Number(ms)
      return { stored, expiresAt, createdAt: undefined }
    } catch (error) {
      return this.#missing(key, error, undefined)
    }
  }

  set(space: Space, key: string, what: Stored, expiresAt: number): Promise<boolean> {
    return this.#writes.set(storageKeyOf(space, key), bytes(what), this.#px(expiresAt))
  }

  async setMany(space: Space, entries: ReadonlyMap<string, Stored>, expiresAt: number): Promise<string[]> {
    const px = this.#px(expiresAt)
    const writes: { key: string; storageKey: string; bytes: Buffer; px: string }[] = []
    for (const [key, what] of entries) {
      writes.push({ key, storageKey: storageKeyOf(space, key), bytes: bytes(what), px })
    }
    const failed: string[] = []
    await this.#each(
      'setMany',
      this.#writes.setMany(writes).map(async ({ part, full }) => {
        try {
          const refused = await full
          if (refused.length > 0) this.#full('setMany')
          for (const { key } of refused) failed.push(key)
        } catch (error) {
          for (const { key } of part) failed.push(key)
          throw error
        }
      }),
    )
    return failed
  }

  async add(space: Space, key: string, what: Stored, expiresAt: number): Promise<boolean> {
    const reply = await this.#both(scripts.ADD, storageKeyOf(space, key), [bytes(what), this.#px(expiresAt)])
    return this.#kept('add', reply)
  }

  async touch(space: Space, key: string, expiresAt: number): Promise<boolean | 'graced'> {
    try {
      const reply = await this.#one(scripts.TOUCH, storageKeyOf(space, key), [
        this.#px(expiresAt),
        GRACED_BYTE,
      ])
      return reply === 1 ? true : reply instanceof Buffer ? 'graced' : false
    } catch (error) {
      return this.#missing(key, error, false)
    }
  }

  async delete(space: Space, key: string): Promise<boolean> {
    return (await this.#both(scripts.DELETE, storageKeyOf(space, key), [])) === 1
  }

  async deleteMany(space: Space, keys: readonly string[]): Promise<number> {
    const storageKeys = [...new Set(keys)].map((key) => storageKeyOf(space, key))
    const counts = await Promise.all(
      groups(storageKeys, (key) => key, this.#servers.cluster).map((part) =>
        this.#run(
          scripts.DELETE_MANY,
          part.flatMap((key) => [key, claimKey(key)]),
          [],
        ),
      ),
    )
    return counts.reduce<number>((sum, count) => sum + Number(count), 0)
  }

  async incr(
    space: Space,
    key: string,
    by: number,
    made?: { initial: number; expiresAt: number },
  ): Promise<number | undefined> {
    const first = made ? [String(made.initial + by), this.#px(made.expiresAt)] : []
    let reply: Reply
    try {
      reply = await this.#both(scripts.INCR, storageKeyOf(space, key), [String(by), ...first])
    } catch (error) {
      if (answered(error, 'WRONGTYPE')) throw notANumber(key)
      throw error
    }
    if (reply === null) return undefined
    const text = String(reply)
    switch (text) {
      case 'full':
        throw failure('OOM', 'Redis is full')
      case 'out-of-range':
        throw argumentError(
          RangeError,
          'OUT_OF_RANGE',
          `Key ${JSON.stringify(key)} would be counted beyond ±(2^53 − 1), where numbers are not exact`,
        )
      case 'not-a-number':
        throw notANumber(key)
      default:
        return Number(text)
    }
  }

  async replace(space: Space, key: string, was: Stored, what: Stored, expiresAt: number): Promise<boolean> {
    try {
      const args = [bytes(was), bytes(what), this.#px(expiresAt)]
      return this.#kept('replace', await this.#one(scripts.REPLACE, storageKeyOf(space, key), args))
    } catch (error) {
      return this.#missing(key, error, false)
    }
  }

  async clear(what: Space | 'everything'): Promise<void> {
    const { leader, cluster } = this.#servers
    this.#writes.leave()
    if (what === 'everything') await clearEverything(leader)
    else if (what.start !== undefined) await clearSpace(leader, what, what.start, cluster)
  }

  async claim(space: Space, key: string, ms: number): Promise<Claimed> {
    const storageKey = storageKeyOf(space, key)
    const token = randomUUID()
    let reply: Reply
    try {
      reply = await this.#both(scripts.CLAIM, storageKey, [token, String(Math.ceil(ms))])
    } catch (error) {
      this.#mayHold(storageKey, token, ms, error)
      throw error
    }
    const [stored, claimed] = Array.isArray(reply) ? reply : []
    return {
      ...(stored instanceof Buffer && { stored }),
      ...(claimed === 1 && { token }),
    }
  }

  async extend(space: Space, key: string, token: string, ms: number): Promise<boolean> {
    return (await this.#both(scripts.EXTEND, storageKeyOf(space, key), [token, String(Math.ceil(ms))])) === 1
  }

  async fill(space: Space, key: string, token: string, what: Stored, expiresAt: number): Promise<boolean> {
    const args = [token, bytes(what), this.#px(expiresAt)]
    return this.#kept('fill', await this.#ending(scripts.FILL, storageKeyOf(space, key), token, args))
  }

  async release(space: Space, key: string, token?: string): Promise<void> {
    const storageKey = storageKeyOf(space, key)
    if (token === undefined) await this.#both(scripts.RELEASE, storageKey, [])
    else await this.#ending(scripts.RELEASE, storageKey, token, [token])
  }

  /** What ends a claim, and is made good where it is lost: its lease may be long. */
  async #ending(
    script: scripts.Script,
    storageKey: string,
    token: string,
    args: readonly Word[],
  ): Promise<Reply> {
    try {
      return await this.#both(script, storageKey, args)
    } catch (error) {
      this.#mayHold(storageKey, token, Number.POSITIVE_INFINITY, error)
      throw error
    }
  }

  #mayHold(storageKey: string, token: string, ms: number, error: unknown): void {
    if (!isNoAnswer(error)) return
    this.#lostClaims.add(storageKey, token, ms)
    this.#giveBack()
  }

  async #reconnect(): Promise<void> {
    await this.#servers.reconnect()
    this.#giveBack()
  }

  /** Of claims nobody knows of: written before anybody else can ask, and not waited for. */
  #giveBack(): void {
    if (!this.#servers.leader.hopeful) return
    for (const { storageKey, token } of this.#lostClaims.take()) {
      this.#both(scripts.RELEASE, storageKey, [token]).catch(() => {})
    }
  }

  /** A script over an entry and its claim. */
  #both(script: scripts.Script, storageKey: string, args: readonly Word[]): Promise<Reply> {
    return this.#run(script, [storageKey, claimKey(storageKey)], args)
  }

  /** A script over an entry alone. */
  #one(script: scripts.Script, storageKey: string, args: readonly Word[]): Promise<Reply> {
    return this.#run(script, [storageKey], args)
  }

  #run(script: scripts.Script, keys: readonly string[], args: readonly Word[]): Promise<Reply> {
    this.#writes.leave()
    const words = ['evalsha', script.sha, String(keys.length), ...keys, ...args]
    return new Promise((replied, failed) => {
      runScript(this.#servers.leader, script, words, { replied, failed, fits: isOfScript }, false)
    })
  }

  get #clock() {
    return (this.#host ?? ALONE).clock
  }

  /** How long it has, in whole milliseconds: '' for ever, '0' when it is over already. */
  #px(expiresAt: number): string {
    if (expiresAt === Number.POSITIVE_INFINITY) return ''
    const ms = Math.ceil(expiresAt - this.#clock.now())
    return String(Math.min(Math.max(ms, 0), Number.MAX_SAFE_INTEGER))
  }

  #kept(verb: string, reply: Reply): boolean {
    if (typeof reply === 'number') return reply === 1
    this.#full(verb)
    return false
  }

  /** The server is well and has no room: no fault that would open a breaker. */
  #full(verb: string): void {
    this.#host?.failed(verb, failure('OOM', 'Redis is full'))
  }

  /** A value of another type is none. */
  #missing<T>(key: string, error: unknown, none: T): T {
    if (!answered(error, 'WRONGTYPE')) throw error
    this.#host?.corrupt(key, 'wrong-type')
    return none
  }

  /** All of them; where some fail, as parts of a Cluster do, that is told. Throws when none succeeds. */
  async #each(verb: string, parts: readonly Promise<unknown>[]): Promise<void> {
    const results = await Promise.allSettled(parts)
    const failed = results.filter((result) => result.status === 'rejected')
    if (failed.length === 0) return
    const error = failureOf(failed[0]!.reason)
    if (failed.length === results.length) throw error
    this.#host?.failed(verb, error)
  }
}

function bytes(what: Stored): Buffer {
  if (what instanceof Buffer) return what
  if (what instanceof Uint8Array) return Buffer.from(what.buffer, what.byteOffset, what.byteLength)
  throw new TypeError('redis keeps bytes: give the cache a codec')
}
