// One of several: a process, a worker of a cluster or a thread. Counts in a shared directory and in its own memory, and tells.
import cluster from 'node:cluster'
import { parentPort, workerData } from 'node:worker_threads'
import { createCaches, file, memory } from '../../dist/index.js'

const { directory, times } = workerData ?? JSON.parse(process.env.MANY_OF_ME ?? '{}')
const caches = createCaches({
  default: { backend: file({ directory }), ttl: null },
  own: { backend: memory({ name: 'own' }), ttl: null },
})
let loads = 0
for (let i = 0; i < times; i++) {
  await caches.default.incr('together', 1, { initial: 0 })
  await caches.own.incr('alone', 1, { initial: 0 })
}
await caches.default.getOrSet('made-once', async () => {
  loads += 1
  await new Promise((done) => setTimeout(done, 100))
  return 'made'
})
const report = { alone: await caches.own.get('alone'), loads, counted: caches.default.stats().loads }
await caches.close()
if (parentPort) parentPort.postMessage(report)
else process.send?.(report, () => cluster.worker?.disconnect())
