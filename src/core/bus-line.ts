/**
 * What a bus listens on: one connection after the other, for as long as the bus is open. One that says nothing may be dead, so it is
 * asked. Telling `up` and `down` in turn, and never twice, lies here.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { BusListener } from './bus.ts'

/** A connection on which everything is heard already. */
export interface BusLine {
  /** Resolves when it is gone. */
  readonly ended: Promise<unknown>
  /** Rejects when nobody answers in time. */
  ping(): Promise<unknown>
  /** Ends it at once. */
  destroy(): void
}

/** After a loss it is tried again within so many milliseconds, spread. */
const RETRY_WITHIN = 500
/** It is asked whether it lives, so often, in milliseconds. */
const PING_EVERY = 1_000

/** Goes on until the signal; never rejects. */
export async function keepLine(
  connect: () => Promise<BusLine>,
  listener: BusListener,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const line = await connect().catch(() => undefined)
    if (line && !signal.aborted) {
      listener.up()
      await gone(line, signal)
    }
    line?.destroy()
    if (signal.aborted) return
    if (line) listener.down()
    await sleep(RETRY_WITHIN * Math.random(), undefined, { signal, ref: false }).catch(() => {})
  }
}

/** Resolves when the connection is of no use any more. */
function gone(line: BusLine, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let over = false
    let pause: NodeJS.Timeout | undefined
    const finish = () => {
      over = true
      clearTimeout(pause)
      signal.removeEventListener('abort', finish)
      resolve()
    }
    const ask = () => {
      if (over) return
      pause = setTimeout(() => line.ping().then(ask, finish), PING_EVERY).unref()
    }
    line.ended.then(finish)
    signal.addEventListener('abort', finish)
    ask()
  })
}
