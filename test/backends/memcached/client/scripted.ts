/** Servers that misbehave: a script in place of memcached, and a proxy in front of it. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll } from 'vitest'

const servers: { server: Server; sockets: Set<Socket> }[] = []
afterAll(() => {
  for (const { server, sockets } of servers) {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
})

/** Listens, and hands over each connection. Answers `host:port`. */
export async function listen(connected: (socket: Socket, count: number) => void): Promise<string> {
  const sockets = new Set<Socket>()
  let count = 0
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    connected(socket, count++)
  })
  servers.push({ server, sockets })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A server that is greeted as memcached is, and then answers each command line by `script`. */
export function scripted(
  script: (line: string, socket: Socket, connection: number) => void,
): Promise<string> {
  return listen((socket, connection) => {
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', (come: string) => {
      text += come
      for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
        const line = text.slice(0, end)
        text = text.slice(end + 2)
        if (line === 'version') socket.write('VERSION 1.6.18\r\n')
        else if (line === 'mn') socket.write('MN\r\n')
        else script(line, socket, connection)
      }
    })
  })
}

/** A proxy whose way back is `relay`. */
export function proxy(port: number, relay: (bytes: Buffer, back: Socket) => void): Promise<string> {
  return listen((socket) => {
    const server = connect({ port, host: '127.0.0.1', noDelay: true })
    server.on('error', () => socket.destroy())
    server.on('close', () => socket.destroy())
    socket.on('close', () => server.destroy())
    socket.on('data', (bytes) => server.write(bytes))
    server.on('data', (bytes) => relay(bytes, socket))
  })
}

/** The token of a meta command. */
export function tokenOf(line: string): string {
  return /(?: |^)O(\d+)/.exec(line)?.[1] ?? ''
}
