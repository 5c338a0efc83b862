/** Real Redis servers: one, with TLS, a password or a unix socket; a leader with replicas; Sentinels; a Cluster of six. */
import { execFile, execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort, type Kind, type Place, startServer, type TestServer } from './server.ts'

export interface RedisOptions {
  /** More of the command line. */
  args?: string[]
  /** On `<directory>/redis.sock` as well. */
  unix?: boolean
  /** The port speaks TLS, with a certificate of its own in `<directory>/cert.pem`. */
  tls?: boolean
  password?: string
  /** The program: `redis-server` or `valkey-server`. */
  program?: string
}

export function startRedis(options: RedisOptions = {}): Promise<TestServer> {
  return startServer(redisServer(options))
}

export function socketOf({ directory }: Place): string {
  return join(directory, 'redis.sock')
}

export function certificateOf({ directory }: Place): string {
  return join(directory, 'cert.pem')
}

/** What `redis-cli` says. */
export async function ask(place: Place, words: string[], options: RedisOptions = {}): Promise<string> {
  const where = options.unix ? ['-s', socketOf(place)] : ['-h', place.host, '-p', String(place.port)]
  const { stdout } = await promisify(execFile)(
    'redis-cli',
    [
      ...where,
      ...(options.tls ? ['--tls', '--cacert', certificateOf(place)] : []),
      ...(options.password ? ['--no-auth-warning', '-a', options.password] : []),
      ...words,
    ],
    { timeout: 2_000 },
  )
  return stdout.trimEnd()
}

function redisServer(options: RedisOptions): Kind {
  const { args = [], unix = false, tls = false, password, program = 'redis-server' } = options
  return {
    program,
    args(place) {
      const port = String(place.port)
      return [
        ...(tls ? ['--port', '0', '--tls-port', port] : ['--port', port]),
        ...(tls ? ['--tls-cert-file', certificateOf(place), '--tls-ca-cert-file', certificateOf(place)] : []),
        ...(tls ? ['--tls-key-file', join(place.directory, 'key.pem'), '--tls-auth-clients', 'no'] : []),
        ...(unix ? ['--unixsocket', socketOf(place)] : []),
        ...(password ? ['--requirepass', password, '--masterauth', password] : []),
        ...['--bind', place.host, '--dir', place.directory, '--save', '', '--appendonly', 'no'],
        ...args,
      ]
    },
    prepare({ directory }) {
      if (tls) makeCertificate(directory)
    },
    async answers(place) {
      if ((await ask(place, ['ping'], options)) !== 'PONG') throw new Error('no PONG')
    },
  }
}

/** The leader first, then its replicas, in step with it. */
export async function startReplicated(replicas: number): Promise<[TestServer, ...TestServer[]]> {
  const leader = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] })
  const followers = await Promise.all(
    Array.from({ length: replicas }, () =>
      startRedis({
        args: ['--replicaof', leader.host, String(leader.port), '--repl-diskless-sync-delay', '0'],
      }),
    ),
  )
  for (const follower of followers) {
    await until(async () => /master_link_status:up/.test(await ask(follower, ['info', 'replication'])))
  }
  return [leader, ...followers]
}

export interface Watched {
  servers: [TestServer, ...TestServer[]]
  sentinels: TestServer[]
  name: string
}

/** A leader, two replicas, and three Sentinels that take it for dead after a second. */
export async function startSentinels(): Promise<Watched> {
  const servers = await startReplicated(2)
  const name = 'shop'
  const [leader] = servers
  const sentinels = await Promise.all(
    [1, 2, 3].map(() =>
      startServer({
        program: 'redis-sentinel',
        args: ({ directory }) => [join(directory, 'sentinel.conf')],
        prepare({ directory, port }) {
          writeFileSync(
            join(directory, 'sentinel.conf'),
            [
              `port ${port}`,
              'bind 127.0.0.1',
              `dir ${directory}`,
              `sentinel monitor ${name} ${leader.host} ${leader.port} 2`,
              `sentinel down-after-milliseconds ${name} 1000`,
              `sentinel failover-timeout ${name} 3000`,
            ].join('\n'),
          )
        },
        async answers(place) {
          if ((await ask(place, ['ping'])) !== 'PONG') throw new Error('no PONG')
        },
      }),
    ),
  )
  for (const sentinel of sentinels) {
    await until(async () => {
      const seen = await ask(sentinel, ['sentinel', 'master', name])
      return /num-slaves\n2\n/.test(seen) && /num-other-sentinels\n2\n/.test(seen)
    })
  }
  return { servers, sentinels, name }
}

/** Six nodes: three leaders of a third of the slots each, with a replica each. A leader silent for `timeout` ms is replaced. */
export async function startCluster({ timeout = 1_500 } = {}): Promise<TestServer[]> {
  const nodes: TestServer[] = []
  for (let i = 0; i < 6; i++) {
    const bus = await freePort()
    const args = ['--cluster-enabled', 'yes', '--cluster-port', String(bus)]
    args.push('--cluster-node-timeout', String(timeout))
    // On a busy machine it may take long to be elected; by default a replica then gives up for good.
    args.push('--cluster-replica-validity-factor', '0')
    nodes.push(await startRedis({ args: [...args, '--repl-diskless-sync-delay', '0'] }))
  }
  const addresses = nodes.map(({ address }) => address)
  const make = ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes']
  await promisify(execFile)('redis-cli', make, { timeout: 30_000 })
  for (const node of nodes) {
    await until(async () => {
      const info = await ask(node, ['cluster', 'info'])
      const slots = await ask(node, ['cluster', 'nodes'])
      const replication = await ask(node, ['info', 'replication'])
      return (
        /cluster_state:ok/.test(info) &&
        slots.split('\n').filter((line) => /slave/.test(line)).length === 3 &&
        // A replica that has never been in step does not take over, however long its leader is dead.
        !/master_link_status:down/.test(replication)
      )
    })
  }
  return nodes
}

/** Valkey where it is installed; its name in the test's title says whether it was. */
export function valkeyServer(): string | undefined {
  try {
    return execFileSync('sh', ['-c', 'command -v valkey-server'], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}

export async function until(done: () => Promise<boolean>, within = 15_000): Promise<void> {
  const end = Date.now() + within
  for (;;) {
    if (await done().catch(() => false)) return
    if (Date.now() > end) throw new Error(`not within ${within} ms`)
    await sleep(50)
  }
}

function makeCertificate(directory: string): void {
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1'],
      ...['-addext', 'subjectAltName=IP:127.0.0.1'],
      ...['-keyout', join(directory, 'key.pem'), '-out', certificateOf({ directory, host: '', port: 0 })],
    ],
    { stdio: 'ignore' },
  )
}
