/** What fails is tried again, so often as it was to be, and in nobody's way. */
import assert from 'node:assert/strict'
import type { Task } from '../../refresh/runner.ts'
import { TaskError } from '../../refresh/runner.ts'
import { onRunner, taskOf } from '../runner-stage.ts'

export const failing = [
  onRunner('CB-71 a task that fails is tried again', async (stage) => {
    let tries = 0
    stage.perform = async () => {
      tries++
      if (tries < 3) throw new Error('the source is down')
      return 'made'
    }
    await stage.enqueue(taskOf('key'), { tries: 5 })
    await stage.start()
    await stage.until(() => tries === 3, 'the third try')
    await stage.settle()
    assert.equal(tries, 3)
  }),
  onRunner(
    'F73 a task that always fails is given up after its tries, and the last one is told so',
    async (stage) => {
      const lasts: boolean[] = []
      let others = 0
      stage.perform = async (task, last) => {
        if ((task as Task).key !== 'poison') {
          others++
          return 'made'
        }
        lasts.push(last)
        throw new Error('poison')
      }
      await stage.enqueue(taskOf('poison'), { tries: 3 })
      await stage.enqueue(taskOf('other'))
      await stage.start()
      await stage.until(() => lasts.length === 3, 'all tries')
      await stage.settle()
      assert.deepEqual(lasts, [false, false, true])
      assert.equal(others, 1)
    },
  ),
  onRunner('a task that no try can help is not tried again', async (stage) => {
    let tries = 0
    stage.perform = async () => {
      tries++
      throw new TaskError('UNKNOWN_JOB', 'nobody knows it')
    }
    await stage.enqueue(taskOf('key'), { tries: 5 })
    await stage.start()
    await stage.until(() => tries > 0, 'it is tried')
    await stage.settle()
    assert.equal(tries, 1)
  }),
  onRunner('F64 what is thrown need not be an Error', async (stage) => {
    const thrown: unknown[] = ['text', undefined, null, 0]
    let tries = 0
    stage.perform = async () => {
      if (tries < thrown.length) throw thrown[tries++]
      tries++
      return 'made'
    }
    await stage.enqueue(taskOf('key'), { tries: 5 })
    await stage.start()
    await stage.until(() => tries === 5, 'the try that ends well')
  }),
]
