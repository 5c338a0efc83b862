/** PostgreSQL for tests: on a directory of its own, quick rather than lasting. It refuses to run as root, and then runs as `postgres`. */
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { startServer, type TestServer } from './server.ts'

export interface TestPostgres extends TestServer {
  /** Of the database `postgres`, as its only user. */
  readonly url: string
}

const HOME = '/usr/lib/postgresql'

/** Debian keeps each version in a folder of its own. */
function program(name: string): string {
  const versions = existsSync(HOME) ? readdirSync(HOME).sort((a, b) => Number(b) - Number(a)) : []
  const found = versions.map((version) => join(HOME, version, 'bin', name)).find((path) => existsSync(path))
  return found ?? name
}

/** Another user than root. */
function asUser(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

const SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  shared_buffers: '32MB',
  max_connections: '60',
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
}

/** @param settings more lines of its configuration */
export async function startPostgres(settings: Record<string, string> = {}): Promise<TestPostgres> {
  const user = asUser()
  const url = (port: number) => `postgres://postgres:secret@127.0.0.1:${port}/postgres`
  const server = await startServer({
    program: program('postgres'),
    user,
    prepare({ directory }) {
      if (user.uid !== undefined && user.gid !== undefined) chownSync(directory, user.uid, user.gid)
      chmodSync(directory, 0o700)
      const args = [
        '-D',
        join(directory, 'data'),
        '-U',
        'postgres',
        '-E',
        'UTF8',
        '--locale=C',
        '-A',
        'trust',
        '--no-sync',
      ]
      execFileSync(program('initdb'), args, { ...user, stdio: 'ignore', cwd: directory })
    },
    args: ({ directory, port }) => [
      ...['-D', join(directory, 'data'), '-p', String(port)],
      ...Object.entries({ ...SETTINGS, ...settings }).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    async answers({ port }) {
      const client = new pg.Client({ connectionString: url(port), connectionTimeoutMillis: 500 })
      try {
        await client.connect()
        await client.query('SELECT 1')
      } finally {
        await client.end().catch(() => {})
      }
    },
  })
  // Every connection is a process of its own.
  const family = () => familyOf(join(server.directory, 'data', 'postmaster.pid'))
  let frozen: number[] = []
  return {
    ...server,
    url: url(server.port),
    async freeze() {
      frozen = family()
      signal('SIGSTOP', frozen)
      await sleep(50)
    },
    thaw: () => signal('SIGCONT', frozen.splice(0)),
    async kill() {
      signal('SIGKILL', family().slice(1))
      await server.kill()
    },
  }
}

/** The server's process and its children; none when it has ended. */
function familyOf(pidFile: string): number[] {
  try {
    const head = Number(readFileSync(pidFile, 'utf8').split('\n', 1)[0])
    const children = readFileSync(`/proc/${head}/task/${head}/children`, 'utf8')
    return [head, ...children.trim().split(' ').filter(Boolean).map(Number)]
  } catch {
    return []
  }
}

function signal(name: NodeJS.Signals, pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch {} // it has ended meanwhile
  }
}
