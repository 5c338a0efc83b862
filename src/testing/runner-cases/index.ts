/** The cases of a runner of jobs, by topic. */
import type { Topics } from '../case.ts'
import type { RunnerContext } from '../runner-stage.ts'
import { carrying } from './carrying.ts'
import { closing } from './closing.ts'
import { failing } from './failing.ts'
import { fleet } from './fleet.ts'
import { jobs } from './jobs.ts'
import { outage } from './outage.ts'

/** What a runner promises, by topic. `fleet` and `outage` are for those with a queue. */
export const runnerCases = { carrying, failing, closing, jobs, fleet, outage } satisfies Topics<RunnerContext>
