/**
 * Which process made a file, and whether it is still alive: what a lock left behind is judged by. A process id is used
 * again, so its start is noted beside it; an id means something only on one machine, since one boot, in one namespace,
 * so these are noted too. Where that cannot be told the answer is `unknown`, and time decides.
 */
import { hash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** Bytes of a holder's mark. */
export const MARK = 20

function text(read: () => string): string {
  try {
    return read()
  } catch {
    return ''
  }
}

/** State and start of a process, where the system says; `undefined` where it does not. */
function statOf(pid: number): { dead: boolean; start: number } | undefined {
  const stat = text(() => readFileSync(`/proc/${pid}/stat`, 'latin1'))
  // The name stands in parentheses and may hold anything, so count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const start = Number(fields[19])
  if (stat === '' || !Number.isFinite(start)) return undefined
  return { dead: fields[0] === 'Z' || fields[0] === 'X', start }
}

function makeMark(): Buffer {
  const mark = Buffer.alloc(MARK)
  mark.writeUInt32BE(process.pid, 0)
  mark.writeDoubleBE(statOf(process.pid)?.start ?? 0, 4)
  const here = [
    hostname(),
    text(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')),
    text(() => readlinkSync('/proc/self/ns/pid')),
  ]
  hash('sha256', here.join('\n'), 'buffer').copy(mark, 12, 0, 8)
  return mark
}

let mine: Buffer | undefined

/** The mark of this process. */
export function ownMark(): Buffer {
  mine ??= makeMark()
  return mine
}

export function lifeOf(mark: Buffer): 'alive' | 'dead' | 'unknown' {
  if (!mark.subarray(12).equals(ownMark().subarray(12))) return 'unknown'
  const pid = mark.readUInt32BE(0)
  if (pid === 0) return 'unknown'
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return 'dead'
  }
  const stat = statOf(pid)
  if (!stat) return 'unknown'
  return stat.dead || stat.start !== mark.readDoubleBE(4) ? 'dead' : 'alive'
}
