/** Workers of several processes over one queue. */
import assert from 'node:assert/strict'
import type { Task } from '../../refresh/runner.ts'
import { onRunner, taskOf } from '../runner-stage.ts'

export const fleet = [
  onRunner('what one process asks for another one performs', async (stage) => {
    const keys: string[] = []
    stage.perform = async (task) => {
      keys.push((task as Task).key)
      return 'made'
    }
    await stage.start(await stage.peer())
    await stage.enqueue(taskOf('key'))
    await stage.until(() => keys.length > 0, 'it is performed')
    assert.deepEqual(keys, ['key'])
  }),
  onRunner('of equal tasks of two processes one waits', async (stage) => {
    let runs = 0
    stage.perform = async () => {
      runs++
      return 'made'
    }
    const peer = await stage.peer()
    const options = { tries: 1, backoff: 20, priority: 0, queue: undefined }
    await stage.enqueue(taskOf('key'))
    assert.equal(await peer.enqueue(taskOf('key'), options, stage.perform), false)
    await stage.start(peer)
    await stage.until(() => runs > 0, 'it is performed')
    await stage.settle()
    assert.equal(runs, 1)
  }),
  onRunner('T19 two workers perform every task, each once', async (stage) => {
    const keys: string[] = []
    stage.perform = async (task) => {
      keys.push((task as Task).key)
      return 'made'
    }
    const wanted = Array.from({ length: 100 }, (_, i) => `key ${i}`)
    await Promise.all(wanted.map((key) => stage.enqueue(taskOf(key))))
    await Promise.all([stage.start(), stage.start(await stage.peer())])
    await stage.until(() => keys.length >= wanted.length, 'all are performed')
    await stage.settle()
    assert.deepEqual([...keys].sort(), wanted.sort())
  }),
  onRunner('what waits when a worker closes is performed by the next', async (stage) => {
    const keys: string[] = []
    stage.perform = async (task) => {
      keys.push((task as Task).key)
      return 'made'
    }
    const first = await stage.start()
    await first?.close()
    await stage.enqueue(taskOf('key'))
    await stage.start(await stage.peer())
    await stage.until(() => keys.length > 0, 'it is performed')
  }),
]
