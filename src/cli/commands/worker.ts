/** A process that makes the refreshes of the configuration's jobs, until it is told to end: then it finishes what it has begun. */
import { once } from 'node:events'
import { ConfigError } from '../../core/errors.ts'
import { isRecord } from '../../core/options.ts'
import { type Worker, type WorkerOptions, worker } from '../../refresh/index.ts'
import type { Command } from '../command.ts'
import { DONE, reasonOf, UsageError } from '../failure.ts'

export const work: Command = {
  usage: 'worker',
  summary: 'make the refreshes of jobs that are queued, until told to end',
  options: [['--concurrency <number>', 'refreshes at once, for each queue (default: 10)']],
  examples: ['stillwarm worker --concurrency 20'],
  async run({ terminal, load }, _, options) {
    const concurrency = concurrencyOf(options.concurrency)
    const { path, jobs } = await load()
    if (jobs === undefined) {
      throw new ConfigError('CONFIG_EXPORTS', `${path} exports no jobs: export const jobs = [tweets, prices]`)
    }
    const onError = (error: unknown) => terminal.note(`The queue: ${reasonOf(error)}`, 'yellow')
    // What they are the worker looks at itself.
    const list = (
      isRecord(jobs) && !(Symbol.iterator in jobs) ? Object.values(jobs) : jobs
    ) as WorkerOptions['jobs']
    const working = worker({ jobs: list, concurrency, onError })
    return untilToldToEnd(working, (text) => terminal.note(text))
  },
}

async function untilToldToEnd(working: Worker, tell: (text: string) => void): Promise<number> {
  const ended = new AbortController()
  const { signal } = ended
  // A queue whose connections let a process end must not end this one.
  const awake = setInterval(() => {}, 2 ** 30)
  const told = Promise.race(['SIGTERM', 'SIGINT'].map((name) => once(process, name, { signal })))
  try {
    await Promise.race([working.ready, told])
    tell(`Working on ${working.jobs.join(', ')}. SIGTERM or Ctrl+C ends it, after what is under way.`)
    await told
    tell('Ending, after what is under way. Once more ends it at once.')
  } finally {
    ended.abort()
    // From here on a signal does what it does to any process.
    await working.close()
    clearInterval(awake)
  }
  return DONE
}

function concurrencyOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d+$/.test(text)) return Number(text)
  throw new UsageError('--concurrency must be a whole number')
}
