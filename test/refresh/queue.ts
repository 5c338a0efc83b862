/** The least of queues: texts in an array, which several runners share as processes share a server. */
import { setTimeout as pause } from 'node:timers/promises'
import { ClosedError } from '../../src/core/errors.ts'
import { type Orders, type Runner, TaskError } from '../../src/refresh/index.ts'

interface Item {
  id: string
  text: string
  tries: number
  most: number
  notBefore: number
}

export class QueueOfTexts {
  readonly waiting: Item[] = []
  /** Every text that was ever taken. */
  readonly texts: string[] = []
  /** Tasks that were given up. */
  readonly dead: Item[] = []
  /** What it throws, where not only that it is down. */
  down: boolean | Error = false
}

/** A runner over it. Remote, though it is not. */
export function queueRunner(queue: QueueOfTexts): Runner {
  let closed = false
  return {
    name: 'texts',
    remote: true,
    async enqueue(task, { tries }) {
      if (closed) throw new ClosedError()
      if (queue.down) throw queue.down === true ? new Error('the queue is down') : queue.down
      if (queue.waiting.some(({ id }) => id === task.id)) return false
      const text = JSON.stringify(task)
      queue.texts.push(text)
      queue.waiting.push({ id: task.id, text, tries: 0, most: tries, notBefore: 0 })
      return true
    },
    work(orders) {
      let open = true
      const running = new Set<Promise<void>>()
      const loop = async () => {
        while (open) {
          const at = queue.waiting.findIndex(({ notBefore }) => notBefore <= performance.now())
          if (at === -1 || running.size >= orders.concurrency) {
            await pause(2)
            continue
          }
          const [item] = queue.waiting.splice(at, 1)
          const run = perform(queue, item!, orders).finally(() => running.delete(run))
          running.add(run)
        }
        await Promise.all(running)
      }
      const ended = loop()
      return {
        ready: Promise.resolve(),
        close() {
          open = false
          return ended
        },
      }
    },
    async close() {
      closed = true
    },
  }
}

async function perform(queue: QueueOfTexts, item: Item, orders: Orders): Promise<void> {
  item.tries++
  const last = item.tries >= item.most
  try {
    await orders.perform(JSON.parse(item.text), last)
  } catch (error) {
    if (last || error instanceof TaskError) queue.dead.push(item)
    else queue.waiting.push({ ...item, notBefore: performance.now() + 20 })
  }
}

export function brokenQueue(): Runner {
  const queue = new QueueOfTexts()
  queue.down = true
  return queueRunner(queue)
}
