/** A task is performed as it was given, and no two of one id wait. */
import assert from 'node:assert/strict'
import type { Task } from '../../refresh/runner.ts'
import { onRunner, taskOf } from '../runner-stage.ts'

export const carrying = [
  onRunner('a task comes out as it went in', async (stage) => {
    const tasks: unknown[] = []
    stage.perform = async (task) => {
      tasks.push(task)
      return 'made'
    }
    const odd = taskOf('käse "🧀"', { replaces: 1_767_225_600_000.25, args: '["\\ud800\\u0000:"]' })
    assert.equal(await stage.enqueue(odd), true)
    await stage.start()
    await stage.until(() => tasks.length > 0, 'the task is performed')
    assert.deepEqual(tasks, [odd])
  }),
  onRunner('every task is performed, and once', async (stage) => {
    const keys: string[] = []
    stage.perform = async (task) => {
      keys.push((task as Task).key)
      return 'made'
    }
    const wanted = Array.from({ length: 50 }, (_, i) => `key ${i}`)
    await Promise.all(wanted.map((key) => stage.enqueue(taskOf(key))))
    await stage.start()
    await stage.until(() => keys.length >= wanted.length, 'all are performed')
    await stage.settle()
    assert.deepEqual([...keys].sort(), wanted.sort())
  }),
  onRunner('CB-81 of equal tasks one waits at most, besides the one that runs', async (stage) => {
    let runs = 0
    let open = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    stage.perform = async () => {
      runs++
      await gate
      return 'made'
    }
    const answers: boolean[] = []
    for (let i = 0; i < 10; i++) answers.push(await stage.enqueue(taskOf('key')))
    assert.equal(answers[0], true)
    assert.ok(answers.filter((taken) => !taken).length >= 8, 'enqueue answers that one waits already')
    await stage.start()
    await stage.until(() => runs > 0, 'it is performed')
    open()
    await stage.settle()
    assert.ok(runs <= 2, `${runs} runs of one task`)
  }),
  onRunner('once a task is done, the next of its id is taken and performed', async (stage) => {
    let runs = 0
    stage.perform = async () => {
      runs++
      return 'made'
    }
    await stage.start()
    for (let round = 1; round <= 3; round++) {
      // Done is done only when the runner has heard of it, a moment after.
      await stage.until(() => stage.enqueue(taskOf('key')), 'the task is taken')
      await stage.until(() => runs >= round, 'it is performed')
    }
  }),
]
