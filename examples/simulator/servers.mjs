// @ts-check
/** A Redis of its own on a free loopback port, that can be killed, started again (empty), and is gone with this process. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export async function startRedis() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  const port = typeof address === 'object' && address ? address.port : 0
  probe.close()
  await once(probe, 'close')

  let server = await start(port)
  const end = () => server.kill('SIGKILL')
  process.on('exit', end)
  return {
    port,
    async kill() {
      const gone = once(server, 'exit')
      server.kill('SIGKILL')
      await gone
    },
    async restart() {
      server = await start(port)
    },
    end,
  }
}

/** @param {number} port */
async function start(port) {
  const server = spawn('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--save', ''], {
    stdio: 'ignore',
  })
  /** @type {unknown} */
  let failed
  server.once('error', (error) => {
    failed = error
  })
  for (let tries = 0; tries < 500; tries++) {
    if (failed) throw new Error('redis-server must be installed', { cause: failed })
    const socket = connect(port, '127.0.0.1')
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (open) return server
    await sleep(10)
  }
  throw new Error('redis-server does not answer')
}
