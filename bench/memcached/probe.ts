/**
 * The limit: a bare socket that speaks just enough of the meta protocol to be answered. It trusts every reply, keeps
 * values as slices of what came, knows one server and no failure: nothing that talks to memcached from Node can cost less.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

type Waiter = (hit: boolean) => void

export class Probe {
  readonly #socket: Socket
  readonly #waiting: Waiter[] = []
  #first = 0
  #text = ''
  #out = ''

  static async open(port: number): Promise<Probe> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    return new Probe(socket)
  }

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => this.#read(text))
  }

  get(key: string): Promise<boolean> {
    return this.#ask(`mg ${key} v\r\n`)
  }

  set(key: string, value: string): Promise<boolean> {
    return this.#ask(`ms ${key} ${value.length}\r\n${value}\r\n`)
  }

  getMany(keys: readonly string[]): Promise<boolean> {
    return this.#ask(`${keys.map((key) => `mg ${key} v k q\r\n`).join('')}mn\r\n`)
  }

  setMany(keys: readonly string[], value: string): Promise<boolean> {
    return this.#ask(`${keys.map((key) => `ms ${key} ${value.length} q\r\n${value}\r\n`).join('')}mn\r\n`)
  }

  close(): void {
    this.#socket.destroy()
  }

  #ask(command: string): Promise<boolean> {
    if (this.#out === '') queueMicrotask(() => this.#flush())
    this.#out += command
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #flush(): void {
    this.#socket.write(this.#out, 'latin1')
    this.#out = ''
  }

  #read(come: string): void {
    const text = this.#text === '' ? come : this.#text + come
    let at = 0
    for (;;) {
      const end = text.indexOf('\r\n', at)
      if (end < 0) break
      if (text.charCodeAt(at) === 86 /* VA */) {
        const size = Number.parseInt(text.slice(at + 3, end), 10)
        if (text.length < end + 4 + size) break
        const quiet = text.indexOf(' k', at + 4)
        at = end + 4 + size
        if (quiet >= 0 && quiet < end) continue
      } else at = end + 2
      this.#waiting[this.#first++]?.(true)
    }
    this.#text = text.slice(at)
    if (this.#first === this.#waiting.length) {
      this.#waiting.length = 0
      this.#first = 0
    }
  }
}
