/**
 * Jobs: values that are stale now and fresh soon. Who asks gets what is there at once; a refresh runs elsewhere, in this process or in
 * a worker on the queue that you run already (`stillwarm/refresh/bullmq`, `stillwarm/refresh/pg-boss`).
 *
 * @example
 * import { createCaches, memory } from 'stillwarm'
 * import { defineJob } from 'stillwarm/refresh'
 *
 * const caches = createCaches({ default: { backend: memory() } })
 * const tweets = defineJob({
 *   name: 'user-tweets',
 *   cache: caches.default,
 *   load: (userId: string) => fetchTweets(userId),
 *   lifetime: '10m',
 * })
 * const list = await tweets.get('42')
 */
export { readArguments, writeArguments } from './arguments.ts'
export { type Cacheback, type Cached, cacheback, type Wrap, type WrapperOptions } from './cacheback.ts'
export { type InProcessOptions, inProcess } from './in-process.ts'
export { type DefineJob, defineJob, Job } from './job.ts'
export type {
  AnyCache,
  CommonOptions,
  EmptyJobOptions,
  JobOptions,
  OnQueueError,
  ResultCall,
} from './options.ts'
export { type Refreshing, refreshWith } from './refresh-with.ts'
export { type JobInspection, QueueError } from './refresher.ts'
export {
  type Done,
  type Orders,
  type Perform,
  type Runner,
  type Task,
  TaskError,
  type TaskOptions,
  type Working,
} from './runner.ts'
export { type Worker, type WorkerOptions, worker } from './worker.ts'
