// @ts-check
/** The processes, what each sees, and the wires between them and the two servers. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { faultProxy } from 'stillwarm/testing'

const NODE = fileURLToPath(new URL('node.mjs', import.meta.url))

/** The truth: a number a key, which only grows. */
export class Source {
  answers = true
  /** @type {Map<string, { value: number, settledAt: number }>} */
  #values = new Map()

  /** @param {string} key */
  at(key) {
    return this.#values.get(key) ?? { value: 0, settledAt: 0 }
  }

  /** The next value, which is no reader's fault to miss until it is settled. @param {string} key */
  change(key) {
    const value = this.at(key).value + 1
    this.#values.set(key, { value, settledAt: Number.POSITIVE_INFINITY })
    return value
  }

  /** Whoever changed it has told his cache. @param {string} key */
  settle(key) {
    this.#values.set(key, { ...this.at(key), settledAt: performance.now() })
  }
}

/** One process, with a wire of its own to each server. */
export class Node {
  /** @type {import('node:child_process').ChildProcess} */
  #child
  /** @type {Map<number, (answer: any) => void>} */
  #waiting = new Map()
  #calls = 0

  /**
   * @param {import('stillwarm/testing').FaultProxy} store
   * @param {import('stillwarm/testing').FaultProxy} bus
   * @param {Source} source
   */
  constructor(store, bus, source) {
    this.store = store
    this.bus = bus
    this.#child = fork(NODE, [store.address, bus.address], {
      execArgv: ['--disable-warning=CacheBackendWarning'],
    })
    this.#child.on('message', async (/** @type {any} */ message) => {
      if ('load' in message) {
        await sleep(2)
        const loaded = source.answers ? source.at(message.load).value : null
        if (this.#child.connected) this.#child.send({ loaded, id: message.id })
      } else if ('answer' in message) {
        this.#waiting.get(message.id)?.(message.answer)
        this.#waiting.delete(message.id)
      }
    })
  }

  /** @param {{ store: number, bus: number }} ports @param {Source} source */
  static async start(ports, source) {
    const wires = [faultProxy({ port: ports.store }), faultProxy({ port: ports.bus })]
    const [store, bus] = await Promise.all(wires)
    if (!store || !bus) throw new Error('no wires')
    const node = new Node(store, bus, source)
    await once(node.#child, 'message')
    return node
  }

  /** @param {string} verb @param {unknown[]} args @returns {Promise<any>} */
  ask(verb, args = []) {
    const id = this.#calls++
    this.#child.send({ verb, args, id })
    return new Promise((resolve) => this.#waiting.set(id, resolve))
  }

  async close() {
    const gone = once(this.#child, 'exit')
    await this.ask('close')
    await gone
    await Promise.all([this.store.close(), this.bus.close()])
  }
}
