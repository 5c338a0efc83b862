/**
 * The replies of the meta protocol: two letters, the size of a value after `VA`, then flags. Every command carries an
 * opaque token (`O`), and a reply with another one ends the connection: no answer can reach the wrong caller. Only
 * "nothing there" is believed without a token, since not every server sends it there.
 */
import { ProtocolDoubt } from './errors.ts'
import { base64Key, isPlain } from './key.ts'
import { decimal, type Line } from './lines.ts'
import { Request } from './request.ts'
import { serverError } from './text-admin.ts'

const letters = (two: string) => (two.charCodeAt(0) << 8) | two.charCodeAt(1)
export const VA = letters('VA')
export const HD = letters('HD')
export const EN = letters('EN')
export const NF = letters('NF')
export const NS = letters('NS')
export const EX = letters('EX')
export const MN = letters('MN')

const SPACE = 32

export function announced(line: Line): number {
  if (line.end - line.start < 2) return -1
  line.rest = line.start + 2
  if (line.code !== VA || line.bytes[line.rest] !== SPACE) return -1
  const size = decimal(line.bytes, line.start + 3, line.end)
  let rest = line.start + 3
  while (rest < line.end && line.bytes[rest] !== SPACE) rest++
  line.rest = rest
  return size
}

/** The flags of a reply, read in one pass; used again for the next. */
export const seen = {
  token: -1,
  flags: 0,
  ttl: Number.NaN,
  casFrom: 0,
  casTo: 0,
  won: false,
  taken: false,
  stale: false,
}

export function readFlags(line: Line): void {
  const { bytes, end } = line
  seen.token = -1
  seen.flags = 0
  seen.ttl = Number.NaN
  seen.casTo = 0
  seen.won = false
  seen.taken = false
  seen.stale = false
  let at = line.rest
  while (at < end) {
    if (bytes[at] !== SPACE) throw new ProtocolDoubt('a malformed line')
    const flag = bytes[at + 1]!
    const from = at + 2
    at = from
    while (at < end && bytes[at] !== SPACE) at++
    if (flag === 79 /* O */) seen.token = decimal(bytes, from, end)
    else if (flag === 102 /* f */) seen.flags = decimal(bytes, from, end)
    else if (flag === 116 /* t */)
      seen.ttl = bytes[from] === 45 ? Number.POSITIVE_INFINITY : decimal(bytes, from, end)
    else if (flag === 87 /* W */) seen.won = true
    else if (flag === 90 /* Z */) seen.taken = true
    else if (flag === 88 /* X */) seen.stale = true
    else if (flag === 99 /* c */) {
      seen.casFrom = from
      seen.casTo = at
    }
  }
}

export function seenCas(line: Line): bigint {
  const cas = seen.casTo === 0 ? Number.NaN : decimal(line.bytes, seen.casFrom, seen.casTo)
  if (cas <= Number.MAX_SAFE_INTEGER) return BigInt(cas)
  const digits = line.bytes.toString('latin1', seen.casFrom, seen.casTo)
  if (!/^\d{1,20}$/.test(digits)) throw new ProtocolDoubt('no cas where one was asked for')
  return BigInt(digits)
}

/** A command of one key: its token is the first thing looked at. */
export abstract class MetaRequest<Result> extends Request<Line, Result> {
  token = 0

  take(line: Line): boolean {
    const code = line.end - line.start < 2 ? 0 : line.code
    if (code === VA || code === HD || code === EN || code === NF || code === NS || code === EX) {
      readFlags(line)
      // Only "nothing there" may come without a token.
      if (seen.token !== this.token && !(seen.token === -1 && code === EN)) {
        throw new ProtocolDoubt('a reply to another command')
      }
      return this.answer(code, line)
    }
    const error = serverError(line, this.server)
    if (error === undefined) return this.other(line)
    this.reject(error)
    return true
  }

  protected abstract answer(code: number, line: Line): true

  /** A line that is no meta reply and no server error. */
  protected other(_line: Line): true {
    throw new ProtocolDoubt('a line that is no reply')
  }
}

/** Key and flags of a command, ready but for the token. */
export function keyed(key: string, flags: string): string {
  return isPlain(key) ? key + flags : `${base64Key(key)} b${flags}`
}
