/** Processes over a queue, started, killed and read by a test. They run what is built, as the atlas does. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { atEnd } from '../../servers/server.ts'

const PROCESS = fileURLToPath(new URL('process.mjs', import.meta.url))
const logs = mkdtempSync(join(tmpdir(), 'stillwarm-fleet-'))
const children = new Set<ChildProcess>()
atEnd(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(logs, { recursive: true, force: true })
})
let names = 0

export interface Member {
  child: ChildProcess
  /** The last line it printed, once it has ended by itself; `undefined` when it was killed. */
  result: Promise<unknown>
  said(line: string): Promise<void>
  tell(line: string): void
}

export interface Fleet {
  start(role: string, how?: object): Member
  /** What the log says of loads: how often each began, and ended. */
  loads(): { started: Map<number, number>; ended: Map<number, number> }
  prefix: string
}

/** @param common what every process of it is told. */
export function fleet(common: object): Fleet {
  const prefix = `fleet-${process.pid}-${++names}x`
  const log = join(logs, prefix)
  return {
    prefix,
    start(role, how = {}) {
      const told = JSON.stringify({ role, prefix, log, ...common, ...how })
      const child = spawn(process.execPath, [PROCESS, told], { stdio: ['pipe', 'pipe', 'inherit'] })
      children.add(child)
      let text = ''
      child.stdout.on('data', (bytes) => {
        text += bytes
      })
      const result = once(child, 'close').then(() => {
        children.delete(child)
        return child.signalCode ? undefined : (JSON.parse(text.trimEnd().split('\n').at(-1) ?? '') as unknown)
      })
      return {
        child,
        result,
        tell: (line) => void child.stdin.write(`${line}\n`),
        async said(line) {
          while (!text.split('\n').includes(line)) {
            if (child.exitCode !== null) throw new Error('it has ended')
            await sleep(5)
          }
        },
      }
    },
    loads() {
      const started = new Map<number, number>()
      const ended = new Map<number, number>()
      const lines = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []
      for (const line of lines) {
        const [what, n] = line.split(' ')
        const counts = what === 'start' ? started : what === 'end' ? ended : undefined
        counts?.set(Number(n), (counts.get(Number(n)) ?? 0) + 1)
      }
      return { started, ended }
    },
  }
}
