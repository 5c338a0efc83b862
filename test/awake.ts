/**
 * Time in which this process was awake, in milliseconds: what a limit of time is held against. On a machine that is busy with other
 * things a process stands still now and then, and that is no fault of the code. Whoever waits waits by this clock as well.
 */
import { expect } from 'vitest'

/** A stall of any length counts as much as this. */
const LONGEST = 10

let awake = 0
let looked = performance.now()

function look(): number {
  const now = performance.now()
  awake += Math.min(now - looked, LONGEST)
  looked = now
  return awake
}
setInterval(look, 2).unref()

export function awakeNow(): number {
  return look()
}

/** How long it took. */
export async function took(act: () => Promise<unknown>): Promise<number> {
  const began = awakeNow()
  await act()
  return awakeNow() - began
}

/** Asks until the answer is that, which it must be within so long. */
export async function within(ms: number, act: () => Promise<unknown>, answer: unknown): Promise<void> {
  const began = awakeNow()
  await expect.poll(act, { timeout: 20_000, interval: 10 }).toEqual(answer)
  expect(awakeNow() - began).toBeLessThan(ms)
}
