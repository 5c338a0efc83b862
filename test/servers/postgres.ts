/** A real PostgreSQL: Debian's newest, with a cluster of its own. It refuses to run as root, so there it runs as `postgres`. */
import { execFileSync } from 'node:child_process'
import { chownSync, readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Kind, type Place, startServer, type TestServer } from './server.ts'

export interface Postgres extends TestServer {
  /** Of the superuser `shop`, who needs no password. */
  readonly url: string
}

export async function startPostgres(): Promise<Postgres> {
  const server = await startServer(kind)
  const family = () => {
    const [head] = readFileSync(join(data(server), 'postmaster.pid'), 'utf8').split('\n')
    return [Number(head), ...childrenOf(Number(head))]
  }
  const signal = (name: NodeJS.Signals, pids: number[]) => {
    for (const pid of pids) {
      try {
        process.kill(pid, name)
      } catch {} // it has ended meanwhile
    }
  }
  let frozen: number[] = []
  return {
    ...server,
    url: `postgres://shop@${server.address}/postgres`,
    // Every connection is a process of its own.
    async freeze() {
      frozen = family()
      signal('SIGSTOP', frozen)
      await sleep(50)
    },
    thaw: () => signal('SIGCONT', frozen.splice(0)),
    async kill() {
      const all = family()
      signal('SIGKILL', all.slice(1))
      await server.kill()
    },
  }
}

const BIN = newestBin()

const kind: Kind = {
  program: root() ? 'setpriv' : join(BIN, 'postgres'),
  args(place) {
    const settings = {
      listen_addresses: place.host,
      port: place.port,
      unix_socket_directories: '',
      fsync: 'off',
      max_connections: 100,
    }
    return [
      ...(root() ? [...asPostgres(), join(BIN, 'postgres')] : []),
      ...['-D', data(place)],
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ]
  },
  prepare(place) {
    const command = [
      ...(root() ? ['setpriv', ...asPostgres()] : []),
      ...[join(BIN, 'initdb'), '-D', data(place)],
      ...['-U', 'shop', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync', '--no-instructions'],
    ]
    if (root()) chownSync(place.directory, uid(), -1)
    execFileSync(command[0]!, command.slice(1), { stdio: ['ignore', 'ignore', 'inherit'] })
  },
  // Its socket is open before it lets anybody in: asked for a session, it answers R (you are in), or E (not yet).
  async answers(place) {
    const body = Buffer.from('\0\x03\0\0user\0shop\0database\0postgres\0\0', 'latin1')
    const length = Buffer.alloc(4)
    length.writeInt32BE(body.length + 4)
    const socket = connect(place.port, place.host)
    try {
      const first = await new Promise<string>((resolve, reject) => {
        socket.on('error', reject)
        socket.on('data', (piece) => resolve(piece.toString('latin1', 0, 1)))
        socket.on('close', () => reject(new Error('closed')))
        socket.write(Buffer.concat([length, body]))
      })
      if (first !== 'R') throw new Error('not yet')
    } finally {
      socket.destroy()
    }
  },
}

function data({ directory }: Place): string {
  return join(directory, 'data')
}

function root(): boolean {
  return process.getuid?.() === 0
}

function uid(): number {
  return Number(execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' }))
}

function asPostgres(): string[] {
  return ['--reuid=postgres', '--regid=postgres', '--clear-groups']
}

function newestBin(): string {
  const versions = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(b) - Number(a))
  return `/usr/lib/postgresql/${versions[0]}/bin`
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number)
}
