/** Closing finishes what runs, takes nothing more, and leaves what waits in a queue to others. */
import assert from 'node:assert/strict'
import { onRunner, pause, taskOf } from '../runner-stage.ts'

export const closing = [
  onRunner('closing waits for what runs', async (stage) => {
    let began = false
    let ended = false
    stage.perform = async () => {
      began = true
      await pause(50)
      ended = true
      return 'made'
    }
    await stage.enqueue(taskOf('key'))
    const working = await stage.start()
    await stage.until(() => began, 'it runs')
    await working?.close()
    await stage.runner.close()
    assert.equal(ended, true)
  }),
  onRunner('a closed runner takes nothing', async (stage) => {
    await stage.runner.close()
    await assert.rejects(stage.enqueue(taskOf('key')), { code: 'CLOSED' })
  }),
  onRunner('closing twice is closing', async (stage) => {
    await Promise.all([stage.runner.close(), stage.runner.close()])
    await stage.runner.close()
  }),
]
