/**
 * One connection, supervised: it fails at once while there is none, gives every command a deadline, bounds how many are
 * under way, and comes back by itself, spread in time so that a fleet that lost its server does not return in one wave.
 *
 * A deadline that is missed ends the connection: whatever was written to it is then over for us, and its late answers
 * have nobody to be mistaken for. A client that the user passed in is never ended; its late answers are dropped. The guard
 * keeps a deadline a little earlier and asks for a fresh connection itself; this one is for what the guard does not see:
 * each command of a long `clear`, of a batch, of an abandoned call.
 */
import { randomUUID } from 'node:crypto'
import { type BackendError, type CacheError, ClosedError } from '../../core/errors.ts'
import { Deadlines, Waiting, withinDeadline } from '../../core/guarding/deadline.ts'
import type { Client, Reply, Way, Word } from './client.ts'
import { answered, failure, failureOf, isNoAnswer, isRefusal, isServing, unserved } from './failure.ts'
import { SilentNodes } from './silent-nodes.ts'

export interface LinkOptions {
  /** How long an operation may take, in milliseconds. */
  readonly opTimeout: number
  /** How long it may take to connect, in milliseconds. */
  readonly connectTimeout: number
  /** So many operations may be under way; the next is refused at once. */
  readonly maxInFlight: number
}

/** Makes a client, not yet connected. `borrowed`: it is the user's own. */
export interface Source {
  readonly borrowed: boolean
  make(): Promise<Client> | Client
}

/** The first attempt after a loss comes within so many milliseconds. */
const RETRY_WITHIN = 1_000
/** Later ones are so far apart, or a quarter more: the guard, where it wants to know, asks a little earlier, and not both. */
const RETRY_AFTER = 1_250
/** After a refusal (wrong password) once a minute. */
const RETRY_REFUSED = 60_000
/** Where a client serves nobody for so long, in milliseconds, another is opened beside it, whatever it thinks of itself. */
const SERVES_NOBODY = 3_000
/** So much later than the guard's, in milliseconds. */
const PATIENCE = 40
/** The guard counts by a clock of its own, which on a busy machine is a long tick ahead at most. In milliseconds. */
const AHEAD = 50
/** One operation may be a command for each slot of its keys. */
const COMMANDS_PER_OPERATION = 16
const OUT_OF_TURN = 'Redis answered out of turn'
const LOST = 'The connection to Redis was lost'

/** Told how a command ended: one of the two, once. */
export interface Asker {
  replied(reply: Reply): void
  failed(error: CacheError): void
  /** Can this be the reply to its command? Where it cannot, it is found out whether the connection still answers in turn. */
  fits?(reply: Reply): boolean
}

/** A command under way. */
class Pending extends Waiting<Pending> {
  readonly client: Client
  readonly key: string
  readonly read: boolean
  readonly asker: Asker
  readonly #late: (pending: Pending) => void

  constructor(
    client: Client,
    key: string,
    read: boolean,
    patience: number,
    asker: Asker,
    late: (pending: Pending) => void,
  ) {
    super(patience)
    this.client = client
    this.key = key
    this.read = read
    this.asker = asker
    this.#late = late
  }

  override expire(): void {
    this.#late(this)
  }
}

export class Link {
  readonly #source: Source
  readonly #options: LinkOptions
  readonly #pending = new Deadlines<Pending>()
  readonly #silent = new SilentNodes()
  /** The one whose odd replies we hear of. */
  #heard: Client | undefined
  /** The user's client answered out of turn when it was last heard. */
  #misled = false
  /** Replies held back, while it is found out whether they are for those who asked. */
  #held: (() => void)[] | undefined
  #client: Client | undefined
  /** The attempt that runs now. */
  #opening: Promise<Client> | undefined
  /** Until the first attempt has ended, callers wait for it. */
  #tried = false
  #why: CacheError | undefined
  #attemptedAt = Number.NEGATIVE_INFINITY
  #retry: NodeJS.Timeout | undefined
  /** The first command that nobody answered, since one was answered: when it failed. */
  #nobodySince: number | undefined
  #closed = false

  constructor(source: Source, options: LinkOptions) {
    this.#source = source
    this.#options = options
  }

  /** It is connected, and to somebody who answers; or nobody has tried yet. */
  get hopeful(): boolean {
    return this.#client ? this.#serves(this.#client) : !this.#tried
  }

  /** Nobody has tried to connect, or the first attempt still runs. */
  get cold(): boolean {
    return !this.#tried
  }

  call(words: readonly Word[], key: string, read = false): Promise<Reply> {
    return new Promise((replied, failed) => this.ask(words, key, read, { replied, failed }, read))
  }

  /** The same, told without a promise, for what stands for all of its turn: the hot path. */
  ask(words: readonly Word[], key: string, read: boolean, asker: Asker, joined = true): void {
    const client = this.#client
    if (client?.ready) this.#send(client, client.call, words, key, read, asker, joined)
    else if (this.#closed) asker.failed(new ClosedError())
    else if (this.#tried) asker.failed(this.#away())
    else {
      this.#attempt().then(
        (opened) => this.#send(opened, opened.call, words, key, read, asker, joined),
        (error: unknown) => asker.failed(failureOf(error)),
      )
    }
  }

  /** A way to each server that takes writes: one, or those of the Cluster. */
  async masters(): Promise<Way[]> {
    if (this.#closed) throw new ClosedError()
    if (!this.#tried) await this.#attempt()
    const client = this.#client
    if (!client?.ready) throw this.#away()
    return client
      .masters()
      .map(
        (call) => (words) =>
          new Promise((replied, failed) => this.#send(client, call, words, '', false, { replied, failed })),
      )
  }

  /** Ends the present connection and resolves when a new one has answered. */
  async reconnect(): Promise<void> {
    if (this.#closed) throw new ClosedError()
    const now = performance.now()
    if (this.#why && isRefusal(this.#why) && now - this.#attemptedAt < RETRY_REFUSED) throw this.#why
    if (this.#leaveSilentNodes()) return
    if (!this.#source.borrowed && !this.#opening) this.#end(failure('ECONNRESET', 'Redis is reconnected to'))
    await this.#attempt()
  }

  close(): void {
    this.#closed = true
    this.#end(new ClosedError())
    this.#pending.rest()
  }

  #send(
    client: Client,
    call: Client['call'],
    words: readonly Word[],
    key: string,
    read: boolean,
    asker: Asker,
    joined = false,
  ): void {
    const { maxInFlight, opTimeout } = this.#options
    if (this.#pending.size >= maxInFlight * COMMANDS_PER_OPERATION) {
      asker.failed(failure('OVERLOADED', 'Too many commands are under way to Redis'))
      return
    }
    const node = this.#silent.size > 0 ? client.nodeOf?.(key, read) : undefined
    if (node !== undefined && this.#silent.refuses(node)) {
      this.#unserved()
      asker.failed(timedOut(opTimeout))
      return
    }
    const pending = new Pending(client, key, read, opTimeout + PATIENCE, asker, this.#late)
    this.#pending.begin(pending)
    call(words, key, read, joined).then(
      (reply) => {
        if (this.#held) this.#held.push(() => this.#replied(pending, node, reply))
        else if (client.ready && asker.fits?.(reply) !== false) this.#replied(pending, node, reply)
        else this.#doubt(pending, reply)
      },
      (error: unknown) => {
        if (this.#held) this.#held.push(() => this.#failed(pending, failureOf(error)))
        else this.#failed(pending, failureOf(error))
      },
    )
  }

  #replied(pending: Pending, node: string | undefined, reply: Reply): void {
    if (!this.#pending.end(pending)) return
    if (node !== undefined) this.#silent.forget(node)
    this.#nobodySince = undefined
    pending.asker.replied(reply)
  }

  #failed(pending: Pending, error: CacheError): void {
    if (!this.#pending.end(pending)) return
    const { client, asker } = pending
    asker.failed(error)
    if (isNoAnswer(error)) this.#unserved()
    else this.#nobodySince = undefined
    // A leader that has become a replica: the one to write to is elsewhere now.
    if (answered(error, 'READONLY') && client === this.#client) this.#replace(error)
  }

  /**
   * A reply that cannot be that of its command, or the last before the connection broke. What comes from here on is believed when
   * the connection gives back, in its turn, a word that it was sent; else the connection goes, and they have failed.
   */
  #doubt(pending: Pending, reply: Reply): void {
    const { client } = pending
    if (client !== this.#client || !client.ready) {
      this.#failed(pending, failure('ECONNRESET', LOST))
      return
    }
    const held = [() => this.#replied(pending, undefined, reply)]
    this.#held = held
    const { opTimeout } = this.#options
    const asked = inTurn(client.ways(pending.key, pending.read))
    withinDeadline(opTimeout, asked, 'echo', () => timedOut(opTimeout)).then(
      () => {
        if (this.#held !== held) return
        this.#held = undefined
        for (const deliver of held) deliver()
      },
      () => {
        if (this.#held === held) this.#disbelieve(failure('ECONNRESET', OUT_OF_TURN))
      },
    )
  }

  /** What answers out of turn is ended; one that is not ours to end is not believed until it answers in turn. */
  #disbelieve(why: CacheError): void {
    if (this.#source.borrowed) {
      this.#misled = true
      this.#why = why
      this.#end(why)
    } else {
      this.#replace(why)
    }
  }

  readonly #late = (pending: Pending): void => {
    const why = timedOut(this.#options.opTimeout)
    pending.asker.failed(why)
    this.#unserved()
    if (pending.client !== this.#client) return
    if (pending.client.nodeOf) this.#leaveNode(pending.client, pending)
    else this.#replace(why)
  }

  /**
   * A client mends itself in a Cluster, and says when it has ended elsewhere: it should. One that serves nobody, and of which nothing
   * is heard, is not waited for; it goes when another has connected, since what it was asked for may be what one dead node holds.
   */
  #unserved(): void {
    const client = this.#client
    if (!client || this.#source.borrowed || (client.ready && !client.cluster)) return
    const now = performance.now()
    this.#nobodySince ??= now
    if (now - this.#nobodySince < SERVES_NOBODY || this.#opening || this.#closed) return
    this.#nobodySince = now
    this.#attempt(client).catch(() => {})
  }

  /** In a Cluster only the connection that owes an answer goes, and the other nodes serve on. */
  #leaveNode(client: Client, { key, read }: Pending): void {
    const node = client.nodeOf?.(key, read)
    if (node !== undefined) this.#silent.add(node)
    if (!this.#source.borrowed) client.destroyNode?.(key)
  }

  /**
   * In a Cluster: leaves the nodes that owe answers about now. `true` when the others serve: then nothing has to be
   * opened anew.
   */
  #leaveSilentNodes(): boolean {
    const client = this.#client
    if (!client?.ready || !client.nodeOf) return false
    for (const pending of this.#pending.all()) {
      if (this.#pending.left(pending) > PATIENCE + AHEAD) break
      this.#pending.end(pending)
      this.#late(pending)
    }
    return this.#silent.size > 0 && this.#serves(client)
  }

  #serves(client: Client): boolean {
    return client.ready && (this.#silent.size === 0 || this.#silent.size < client.masters().length)
  }

  /** Ends a connection that is of no use any more and opens another, at once if the last attempt was not a moment ago. */
  #replace(why: CacheError): void {
    if (this.#source.borrowed || this.#closed) return
    this.#why = why
    this.#end(why)
    const since = performance.now() - this.#attemptedAt
    this.#comeBack(since > RETRY_WITHIN ? 0 : Math.random() * RETRY_WITHIN)
  }

  #end(why: CacheError): void {
    clearTimeout(this.#retry)
    this.#retry = undefined
    const client = this.#client
    this.#client = undefined
    this.#held = undefined
    this.#silent.forget()
    if (client && !this.#source.borrowed) client.destroy()
    for (const pending of this.#pending.all()) {
      if (pending.client === client && this.#pending.end(pending)) pending.asker.failed(why)
    }
  }

  #away(): BackendError {
    this.#unserved()
    const { code, message } = this.#why ?? failure('ECONNRESET', 'Redis is not connected')
    return failure(code, message)
  }

  /** @param instead of this one, which serves until then as it can. */
  #attempt(instead?: Client): Promise<Client> {
    this.#opening ??= this.#open(instead).finally(() => {
      this.#opening = undefined
      this.#tried = true
    })
    return this.#opening
  }

  async #open(instead?: Client): Promise<Client> {
    clearTimeout(this.#retry)
    this.#retry = undefined
    this.#attemptedAt = performance.now()
    const { borrowed } = this.#source
    let client: Client | undefined
    try {
      client = (instead ? undefined : this.#client) ?? (await this.#make())
      if (borrowed && !this.#misled) this.#client = client
      const { connectTimeout } = this.#options
      const serves = served(client, this.#misled)
      await withinDeadline(connectTimeout, serves, 'connect', () => timedOut(connectTimeout))
      if (this.#closed) throw new ClosedError()
      // It has ended before anybody could hear of it.
      if (!borrowed && !client.ready) throw failure('ECONNRESET', LOST)
    } catch (error) {
      if (client && !borrowed) client.destroy()
      const deliberate = error instanceof Error && 'code' in error && error.code === 'MISSING_PACKAGE'
      if (this.#closed || deliberate) throw error
      this.#why = unserved(failureOf(error))
      if (!borrowed && !this.#client)
        this.#comeBack(isRefusal(this.#why) ? RETRY_REFUSED : RETRY_AFTER * (1 + Math.random() / 4))
      throw this.#why
    }
    this.#misled = false
    if (instead && instead === this.#client) this.#end(failure('ECONNRESET', LOST))
    this.#nobodySince = undefined
    this.#client = client
    if (!borrowed) client.onEnd(() => this.#lost(client))
    return client
  }

  async #make(): Promise<Client> {
    const made = await this.#source.make()
    if (made !== this.#heard) {
      made.onOdd?.(() => {
        if (made === this.#client) this.#disbelieve(failure('ECONNRESET', OUT_OF_TURN))
      })
    }
    this.#heard = made
    return made
  }

  #lost(client: Client): void {
    if (client !== this.#client || this.#closed) return
    this.#why = failure('ECONNRESET', LOST)
    this.#end(this.#why)
    this.#comeBack(Math.random() * RETRY_WITHIN)
  }

  #comeBack(ms: number): void {
    clearTimeout(this.#retry)
    const retry = setTimeout(() => {
      this.#attempt().catch(() => {})
    }, ms)
    retry.unref()
    this.#retry = retry
  }
}

/** Connected is not yet served: a frozen server accepts, one that loads its data refuses. A Cluster has told its slots. */
async function served(client: Client, misled: boolean): Promise<void> {
  await client.connect()
  // A Cluster whose nodes have all gone looks for them when it is asked something.
  if (misled) return inTurn([...client.ways(), (words) => client.call(words, '', false)])
  if (client.cluster) return
  await client.call(['ping'], '', false).catch((error: unknown) => {
    if (!isServing(failureOf(error))) throw error
  })
}

/** Each gives back a word that it is sent; else it rejects. So it does where the connection has gone. */
async function inTurn(ways: readonly Way[]): Promise<void> {
  if (ways.length === 0) throw failure('ECONNRESET', OUT_OF_TURN)
  const word = randomUUID()
  const echoes = ways.map(async (way) => {
    const echo = await way(['echo', word]).catch((error: unknown) => {
      // Not allowed to say it, and told so.
      if (answered(failureOf(error), 'NOPERM')) return Buffer.from(word)
      throw error
    })
    if (!(echo instanceof Buffer) || echo.toString() !== word) throw failure('ECONNRESET', OUT_OF_TURN)
  })
  await Promise.all(echoes)
}

function timedOut(ms: number): BackendError {
  return failure('ETIMEDOUT', `Redis did not answer within ${ms} ms`)
}
