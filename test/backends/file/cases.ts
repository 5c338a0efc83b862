import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Host, Space } from '../../../src/core/backend.ts'
import { type FakeClock, fakeClock } from '../../../src/testing/clock.ts'

/** A space of the plain recipe. */
export function spaceOf(prefix: string, version = 1): Space {
  return {
    prefix,
    version,
    plain: true,
    start: `${prefix}:`,
    frame: (key) => `${prefix}:${version}:${key}`,
    owns: (storageKey) => storageKey.startsWith(`${prefix}:`),
  }
}

/** A space whose keys are of its own making, as `hashedKeys` makes them. */
export function otherSpace(start: string): Space {
  return {
    prefix: '',
    version: 1,
    plain: false,
    start,
    frame: (key) => start + key,
    owns: (storageKey) => storageKey.startsWith(start),
  }
}

export interface Told extends Host {
  clock: FakeClock
  said: string[]
}

/** A host that keeps what it is told. */
export function host(): Told {
  const said: string[] = []
  const clock = fakeClock()
  return {
    clock,
    said,
    evicted: (key, reason) => said.push(`evicted ${key} ${reason}`),
    corrupt: (key) => said.push(`corrupt ${key}`),
    failed: (verb, error) => said.push(`failed ${verb} ${(error as { code?: string }).code}`),
  }
}

/** A directory for one test; what is `cache` in it is not there yet. */
export function place(): string {
  const directory = mkdtempSync(join(tmpdir(), 'warm-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }))
  return join(directory, 'cache')
}

export const text = (bytes: unknown): string | undefined => (bytes === undefined ? undefined : String(bytes))
export const bytes = (value: string): Buffer => Buffer.from(value)
export const NEVER = Number.POSITIVE_INFINITY
