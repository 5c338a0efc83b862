// @ts-check
/**
 * The databases that the measures run against: one of each, started by the first contender that needs it, on a directory of its
 * own, and gone with that process. Both contenders of a measure have one of their own, with the same settings.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const root = process.getuid?.() === 0

// A contender is ended by a signal, or is alone when the run is ended: its servers and folders go with it.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.once(signal, () => process.exit(1))
process.once('disconnect', () => process.exit(1))

/** Whom a server runs as that refuses to be root. @param {string} name */
function userNamed(name) {
  if (!root) return {}
  const id = (/** @type {string} */ flag) => Number(execFileSync('id', [flag, name]))
  return { uid: id('-u'), gid: id('-g') }
}

/**
 * A server that the system ends with this process, however that ends.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ uid?: number, gid?: number }} [user]
 */
function serve(program, args, user = {}) {
  const server = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], {
    ...user,
    stdio: 'ignore',
  })
  process.on('exit', () => server.kill('SIGKILL'))
}

/** @param {() => Promise<unknown>} ask */
async function until(ask) {
  for (let tries = 0; ; tries++) {
    try {
      return await ask()
    } catch (error) {
      if (tries === 300) throw error
      await sleep(50)
    }
  }
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  return typeof address === 'object' && address ? address.port : 0
}

/** @param {string} name */
export function folder(name) {
  const path = mkdtempSync(join(tmpdir(), `stillwarm-bench-${name}-`))
  process.on('exit', () => rmSync(path, { recursive: true, force: true }))
  return path
}

export async function postgresUrl() {
  const home = '/usr/lib/postgresql'
  const bin = join(home, readdirSync(home).sort().pop() ?? '', 'bin')
  const directory = folder('postgres')
  const user = userNamed('postgres')
  if (user.uid !== undefined) chownSync(directory, user.uid, user.gid ?? 0)
  const data = join(directory, 'data')
  const init = ['-D', data, '-U', 'postgres', '-E', 'UTF8', '--locale=C', '-A', 'trust', '--no-sync']
  execFileSync(join(bin, 'initdb'), init, { ...user, stdio: 'ignore', cwd: directory })
  const port = await freePort()
  const settings = ['fsync=off', 'synchronous_commit=off', 'shared_buffers=128MB', 'unix_socket_directories=']
  const args = ['-D', data, '-p', String(port), ...settings.flatMap((line) => ['-c', line])]
  serve(join(bin, 'postgres'), args, user)
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const { default: pg } = await import('pg')
  await until(async () => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    await client.end()
  })
  return url
}

export async function mariadbUrl() {
  const directory = folder('mariadb')
  chmodSync(directory, 0o711)
  const data = join(directory, 'data')
  const user = root ? ['--user=mysql'] : []
  const init = [
    '--no-defaults',
    `--datadir=${data}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
  ]
  execFileSync('mariadb-install-db', [...init, ...user], { stdio: 'ignore', cwd: '/' })
  const port = await freePort()
  const args = [
    ...['--no-defaults', ...user, `--datadir=${data}`, `--port=${port}`, `--socket=${join(data, 'socket')}`],
    ...[
      '--bind-address=127.0.0.1',
      '--skip-log-bin',
      '--skip-name-resolve',
      '--innodb-flush-log-at-trx-commit=0',
    ],
    '--innodb-buffer-pool-size=128M',
  ]
  // One that changes its user by itself would outlive this process.
  serve('/usr/sbin/mariadbd', args, userNamed('mysql'))
  const { default: mysql } = await import('mysql2/promise')
  await until(async () => {
    const connection = await mysql.createConnection({ host: '127.0.0.1', port, user: 'root' })
    await connection.query('CREATE DATABASE IF NOT EXISTS bench')
    connection.destroy()
  })
  return `mysql://root@127.0.0.1:${port}/bench`
}
