/**
 * stillwarm/testing: what every backend and every runner of jobs promises, as cases for any test runner; a clock that stands still; and faults: a
 * backend that fails when told to, a wire that misbehaves.
 *
 * @example
 * import { describe, it } from 'node:test'
 * import { createCaches } from 'stillwarm'
 * import { backendCases, fakeClock } from 'stillwarm/testing'
 *
 * const context = { backend: () => mine(), clock: fakeClock(), granularity: 0, createCaches }
 * for (const topic of ['reading', 'writing', 'expiry']) {
 *   describe(topic, () => {
 *     for (const { name, run } of backendCases[topic]) it(name, () => run(context))
 *   })
 * }
 */
export { backendCases } from './backend-cases/index.ts'
export { type BusCase, type BusContext, busCases } from './bus-cases.ts'
export { BusHub, busHub } from './bus-hub.ts'
export { cacheCases } from './cache-cases/index.ts'
export type { Case, CaseContext, TestClock, Topics } from './case.ts'
export { ChaosBackend, ChaosError, type ChaosOptions, chaos, type Fault } from './chaos.ts'
export { type FakeClock, fakeClock, waitingClock } from './clock.ts'
export { type FaultProxy, type FaultProxyOptions, type Faults, faultProxy } from './fault-proxy.ts'
export { runnerCases } from './runner-cases/index.ts'
export type { RunnerContext } from './runner-stage.ts'
