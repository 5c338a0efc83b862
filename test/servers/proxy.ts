/** A wire that misbehaves: stands between a client and a server, and does to the answers what a test says. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterAll } from 'vitest'
import type { Place } from './server.ts'

export interface Proxy {
  readonly address: string
  /** What becomes of a piece of an answer; by default it is passed on. */
  answer: (piece: Buffer, to: Socket) => void
  /** How many connections were ever made, and how many are open. */
  readonly made: number
  readonly open: number
}

export async function startProxy(server: Place): Promise<Proxy> {
  const sockets = new Set<Socket>()
  let made = 0
  const listener = createServer((client) => {
    made++
    const upstream = connect(server.port, server.host)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (piece) => upstream.write(piece))
    upstream.on('data', (piece) => proxy.answer(piece, client))
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  afterAll(() => {
    for (const socket of sockets) socket.destroy()
    listener.close()
  })
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const proxy: Proxy = {
    address: `127.0.0.1:${address.port}`,
    answer: (piece, to) => void to.write(piece),
    get made() {
      return made
    },
    get open() {
      return sockets.size / 2
    },
  }
  return proxy
}
