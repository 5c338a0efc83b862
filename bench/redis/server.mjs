// @ts-check
/** A Redis server for one contender: its own, on a free loopback port, gone with the process. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** @type {Promise<string> | undefined} */
let started

/** Starts it on the first call. */
export function serverUrl() {
  started ??= start()
  return started
}

async function start() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  const port = typeof address === 'object' && address ? address.port : 0
  probe.close()
  const server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', ''], {
    stdio: 'ignore',
  })
  process.on('exit', () => server.kill('SIGKILL'))
  for (let tries = 0; tries < 200; tries++) {
    const socket = connect(port, '127.0.0.1')
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (open) return `redis://127.0.0.1:${port}`
    await sleep(20)
  }
  throw new Error('redis-server does not answer')
}
