// @ts-check
/** A memcached of its own for each contender. */
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** On a free port, for as long as this process lives. */
export async function startMemcached() {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => probe.once('listening', resolve))
  const address = probe.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  await new Promise((resolve) => probe.close(resolve))
  const server = spawn('memcached', ['-l', '127.0.0.1', '-p', String(port), '-u', 'nobody', '-m', '64'])
  process.on('exit', () => server.kill())
  process.on('SIGTERM', () => process.exit())
  await sleep(300)
  return port
}
