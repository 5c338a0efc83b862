/**
 * What every bus promises, as cases for any test runner. Each plays on two ends of one line: two processes, as far as the bus
 * can tell.
 */
import assert from 'node:assert/strict'
import type { Bus, BusListener } from '../core/bus.ts'

/** What the cases need to know of the bus that they prove. */
export interface BusContext {
  /** An end of its own for each call, on a line that all calls share. Not opened yet. */
  bus(): Bus | Promise<Bus>
  /** Takes the line away, as a server that is killed. For the topic `losing the line`. */
  leave?(): void | Promise<void>
  /** Brings it back. */
  comeBack?(): void | Promise<void>
}

export interface BusCase {
  /** The promise, in words. */
  readonly name: string
  run(context: BusContext): Promise<void>
}

/** How long anything may take to come, in milliseconds, on a machine that does other things too. */
const SOON = 3_000

/** How long is waited for what must not come. */
const QUIET = 100

class End implements BusListener {
  readonly bus: Bus
  readonly heard: string[] = []
  /** `up` and `down`, as they were told. */
  readonly told: string[] = []

  constructor(bus: Bus) {
    this.bus = bus
  }

  message(bytes: Uint8Array): void {
    this.heard.push(Buffer.from(bytes).toString('latin1'))
  }

  up(): void {
    this.told.push('up')
  }

  down(): void {
    this.told.push('down')
  }

  async says(...messages: string[]): Promise<void> {
    await Promise.all(messages.map((message) => this.bus.publish(Buffer.from(message, 'latin1'))))
  }
}

function onLine(name: string, play: (a: End, b: End, context: BusContext) => Promise<void>): BusCase {
  return {
    name,
    async run(context) {
      const ends = [new End(await context.bus()), new End(await context.bus())] as const
      try {
        for (const end of ends) end.bus.open(end)
        for (const end of ends) await until(() => end.told.length > 0, 'up')
        await play(...ends, context)
      } finally {
        for (const end of ends) await end.bus.close()
      }
    },
  }
}

const talking = [
  onLine('what one says all hear, the one who said it too', async (a, b) => {
    await a.says('from a')
    await b.says('from b')
    for (const end of [a, b]) {
      await until(() => end.heard.length === 2, 'both messages')
      assert.deepEqual(end.heard, ['from a', 'from b'])
      assert.deepEqual(end.told, ['up'])
    }
  }),
  onLine('bytes arrive as they were, any of them, and 64 KB of them', async (a, b) => {
    const every = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i))
    const large = every.repeat(256)
    await a.says('\0')
    await a.says(every)
    await a.says(large)
    await until(() => b.heard.length === 3, 'three messages')
    assert.ok(b.heard[0] === '\0' && b.heard[1] === every && b.heard[2] === large)
  }),
  onLine('messages of one end arrive once, in the order they were sent', async (a, b) => {
    const messages = Array.from({ length: 500 }, (_, i) => `message ${i}`)
    await a.says(...messages)
    await until(() => b.heard.length >= messages.length, 'all of them')
    await pause(QUIET)
    assert.deepEqual(b.heard, messages)
  }),
  onLine(
    'after it was closed it hears nothing more, and what it is given to say is refused',
    async (a, b) => {
      await b.bus.close()
      await a.says('too late')
      await until(() => a.heard.length === 1, 'our own')
      await assert.rejects(b.says('never'))
      await pause(QUIET)
      assert.deepEqual(b.heard, [])
      assert.deepEqual(b.told, ['up'])
    },
  ),
]

const losing = [
  onLine('when the line goes that is told once, and saying fails soon', async (a, b, context) => {
    await needed(context.leave, 'leave').call(context)
    try {
      for (const end of [a, b]) await until(() => end.told.length > 1, 'down')
      for (let i = 0; i < 3; i++) {
        const began = performance.now()
        await assert.rejects(a.says('lost'))
        assert.ok(performance.now() - began < 1_500, 'it took long to fail')
      }
      for (const end of [a, b]) assert.deepEqual(end.told, ['up', 'down'])
    } finally {
      await needed(context.comeBack, 'comeBack').call(context)
    }
  }),
  onLine('when the line is back that is told, and from then on all is heard', async (a, b, context) => {
    await needed(context.leave, 'leave').call(context)
    for (const end of [a, b]) await until(() => end.told.length > 1, 'down')
    await needed(context.comeBack, 'comeBack').call(context)
    for (const end of [a, b]) await until(() => end.told.length > 2, 'up again')
    const before = b.heard.length
    await until(async () => a.says('again').then(yes, no), 'saying')
    await until(() => b.heard.length > before, 'the message')
    assert.equal(b.heard.at(-1), 'again')
    for (const end of [a, b]) assert.deepEqual(end.told, ['up', 'down', 'up'])
  }),
  {
    name: 'a line that is not there yet is waited for, and opening does not throw',
    async run(context) {
      await needed(context.leave, 'leave').call(context)
      const end = new End(await context.bus())
      try {
        end.bus.open(end)
        await assert.rejects(end.says('lost'))
        assert.deepEqual(end.told, [])
        await needed(context.comeBack, 'comeBack').call(context)
        await until(() => end.told.length > 0, 'up')
        assert.deepEqual(end.told, ['up'])
      } finally {
        await end.bus.close()
      }
    },
  },
] satisfies BusCase[]

/** Topic → its cases. */
export const busCases: {
  readonly talking: readonly BusCase[]
  readonly 'losing the line': readonly BusCase[]
} = {
  talking,
  'losing the line': losing,
}

const yes = () => true
const no = () => false

function needed<T>(part: T | undefined, name: string): T {
  assert.ok(part !== undefined, `this topic needs ${name} in its context`)
  return part
}

async function until(done: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + SOON
  while (!(await done())) {
    assert.ok(performance.now() < end, `within ${SOON} ms there was not: ${what}`)
    await pause(5)
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
