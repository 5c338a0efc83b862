/** Makes vitest's tests of the topics that a backend promises, and names what it cannot do, with the reason. */
import { describe, it } from 'vitest'
import type { CaseContext, Topics } from '../../src/testing/case.ts'
import { backendCases, cacheCases } from '../../src/testing/index.ts'

export type BackendTopic = keyof typeof backendCases
export type CacheTopic = keyof typeof cacheCases

export interface Promises {
  /** Topics of the raw contract. */
  topics: readonly BackendTopic[]
  /** Topics of the cache over it; when left out all but `fleet`, which is for shared backends. */
  cacheTopics?: readonly CacheTopic[]
  /** Case → why the backend cannot do it. */
  except?: Readonly<Record<string, string>>
  /** Runs a case, when its turn has come. */
  turn?: (run: () => Promise<void>) => Promise<void>
}

/** The topics that every backend promises. */
export const EVERY_BACKEND = [
  'reading',
  'writing',
  'adding',
  'expiry',
  'touching',
  'counting',
  'deleting',
  'versions and prefixes',
  'clearing',
  'many',
  'replacing',
  'concurrency',
  'hostile keys',
  'claims',
] as const satisfies readonly BackendTopic[]

/** The topics that every cache promises. */
export const EVERY_CACHE = (Object.keys(cacheCases) as CacheTopic[]).filter((topic) => topic !== 'fleet')

/**
 * @example
 * promise('memory', { backend: () => memory(), clock: fakeClock(), granularity: 0, createCaches }, { topics: EVERY_BACKEND })
 */
export function promise(name: string, context: CaseContext, promises: Promises): void {
  const { topics, cacheTopics = EVERY_CACHE, except = {}, turn = (run) => run() } = promises
  const left = new Set(Object.keys(except))
  const declare = (cases: Topics, chosen: readonly string[]) => {
    for (const topic of chosen) {
      describe(topic, () => {
        for (const one of cases[topic] ?? []) {
          if (left.delete(one.name)) continue
          it(one.name, () => turn(() => one.run(context)))
        }
      })
    }
  }
  describe(`${name}, the backend`, () => declare(backendCases, topics))
  describe(`${name}, the cache over it`, () => declare(cacheCases, cacheTopics))
  describe(`${name}, what it cannot do`, () => {
    it('every exception names a case that exists', () => {
      if (left.size > 0) throw new Error(`no such case: ${[...left].join('; ')}`)
    })
  })
}
