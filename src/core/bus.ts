/**
 * A bus carries short messages from each process of a fleet to all others: here that a key was written. It promises little: a message
 * that was published while everybody listened arrives once or more, in about the order it was sent; one that was published while
 * somebody did not listen is lost to him, and he is told that he was away. So a listener must treat `up` as "anything may
 * have been said since `down`".
 */
import type { Answer } from './answer.ts'

/** Who listens. */
export interface BusListener {
  /** The bytes of one message, as they were published, by anybody: our own come back too. May be anything. */
  message(bytes: Uint8Array): void
  /** From now on every message is heard. Told after each time away, the first one too. */
  up(): void
  /** Messages may be lost from now on. Told within about 2 s of it, once. */
  down(): void
}

export interface Bus {
  /** For messages and events: `'redis'`. */
  readonly name: string
  /** Begins to listen, and goes on trying until it is closed. Never throws for a server that is not there. */
  open(listener: BusListener): void
  /** Resolves when those who listen will have it; rejects, within a second, when that is not known. Never waits for a dead server. */
  publish(bytes: Uint8Array): Promise<void>
  /** Lets go of sockets and timers. The listener hears nothing more. */
  close(): Answer<void>
}
