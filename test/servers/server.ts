/**
 * Real servers for tests: started on a free loopback port with a directory of their own, waited for until they answer,
 * and ended with the test file. They can be frozen, killed and started again on the same port. One kind of server is one
 * file beside this one, which says how it is started and how it is asked whether it answers; see `memcached.ts`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll } from 'vitest'

/** How one kind of server is started. */
export interface Kind {
  /** The program, found in PATH. */
  program: string
  args(place: Place): string[]
  env?(place: Place): NodeJS.ProcessEnv
  /** Whom it runs as, where it refuses to run as root. */
  user?: { uid?: number; gid?: number }
  /** Prepares the directory before the first start: certificates, an empty database. */
  prepare?(place: Place): void | Promise<void>
  /** Resolves when it answers; rejects when it does not yet. */
  answers(place: Place): Promise<void>
}

/** Where a server is. */
export interface Place {
  host: string
  port: number
  /** Of its own, gone at the end. */
  directory: string
}

export interface TestServer extends Place {
  /** `host:port`. */
  readonly address: string
  /** Its sockets stay open, and the kernel goes on accepting. Resolves when every thread of it stands still. */
  freeze(): Promise<void>
  thaw(): void
  /** `kill -9`. Resolves when it is gone. */
  kill(): Promise<void>
  /** On the same port, empty. */
  restart(): Promise<void>
}

const START_WITHIN = 15_000

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

// Registered as the test file is read: what a test registers while it runs would never be called.
const endings: (() => void | Promise<void>)[] = []
afterAll(async () => {
  for (const end of endings.splice(0)) await end()
})

/** Calls `end` when the test file is through. */
export function atEnd(end: () => void | Promise<void>): void {
  endings.push(end)
}

/** Starts a server that lives until the end of the test file. */
export async function startServer(kind: Kind): Promise<TestServer> {
  const directory = mkdtempSync(join(tmpdir(), `stillwarm-${basename(kind.program)}-`))
  const place = { host: '127.0.0.1', port: await freePort(), directory }
  let child: ChildProcess | undefined

  async function kill(): Promise<void> {
    if (child === undefined) return
    const gone = once(child, 'exit')
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await gone
  }
  atEnd(async () => {
    await kill()
    rmSync(directory, { recursive: true, force: true })
  })

  await kind.prepare?.(place)
  child = await launch(kind, place)
  return {
    ...place,
    address: `${place.host}:${place.port}`,
    async freeze() {
      child?.kill('SIGSTOP')
      while (child?.pid !== undefined && !stopped(child.pid)) await sleep(1)
    },
    thaw: () => void child?.kill('SIGCONT'),
    kill,
    async restart() {
      await kill()
      child = await launch(kind, place)
    },
  }
}

/** A signal stops one thread after the other, and those still running still answer. */
function stopped(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((thread) =>
    /\) T /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')),
  )
}

async function launch(kind: Kind, place: Place): Promise<ChildProcess> {
  const child = spawn(kind.program, kind.args(place), {
    env: { ...process.env, ...kind.env?.(place) },
    stdio: ['ignore', 'ignore', 'pipe'],
    ...kind.user,
  })
  let said = ''
  child.stderr?.on('data', (bytes) => {
    said += bytes
  })
  let failure: Error | undefined
  child.on('error', (error) => {
    failure = error
  })
  running.add(child)
  child.on('exit', () => running.delete(child))
  const until = Date.now() + START_WITHIN
  for (;;) {
    if (failure !== undefined) throw failure
    if (child.exitCode !== null) throw new Error(`${kind.program} ended at once: ${said}`)
    try {
      await kind.answers(place)
      return child
    } catch (cause) {
      if (Date.now() > until) {
        child.kill('SIGKILL')
        throw new Error(`${kind.program} does not answer: ${said}`, { cause })
      }
    }
    await sleep(20)
  }
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
