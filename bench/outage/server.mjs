// @ts-check
/** A Redis server that can be frozen, killed and started again on its port, gone with the process. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** @typedef {Awaited<ReturnType<typeof startServer>>} Server */

export async function startServer() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const bound = probe.address()
  const port = typeof bound === 'object' && bound ? bound.port : 0
  probe.close()
  const launch = () =>
    spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', ''], { stdio: 'ignore' })
  let server = launch()
  const kill = async () => {
    const gone = once(server, 'exit')
    server.kill('SIGKILL')
    await gone
  }
  process.on('exit', () => server.kill('SIGKILL'))
  await listening(port)
  return {
    host: '127.0.0.1',
    port,
    address: `127.0.0.1:${port}`,
    async freeze() {
      server.kill('SIGSTOP')
      await sleep(20)
    },
    thaw() {
      server.kill('SIGCONT')
    },
    kill,
    async restart() {
      await kill()
      server = launch()
      await listening(port)
    },
    /** On the same port, empty, after a `kill`. */
    async again() {
      server = launch()
      await listening(port)
    },
  }
}

/** @param {number} port */
async function listening(port) {
  for (let tries = 0; tries < 500; tries++) {
    const socket = connect(port, '127.0.0.1')
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (open) return
    await sleep(10)
  }
  throw new Error('redis-server does not answer')
}
