/** Reads the binary protocol: 24 bytes of header, then as many as it says. Bytes may come split anywhere. */
import { ProtocolDoubt } from './errors.ts'
import type { Reader } from './lines.ts'

export const HEADER = 24
const RESPONSE = 0x81

/** Keys and extras of a reply, beside its value. */
const BESIDE_VALUE = 512

const MAX_ANNOUNCED = 1024 * 1024 * 1024

/** One reply. */
export interface Frame {
  opcode: number
  status: number
  opaque: number
  cas: bigint
  extras: Buffer
  key: Buffer
  /** Undefined where it was larger than the limit. */
  value: Buffer | undefined
}

export class FrameReader implements Reader<Frame> {
  readonly #maxBody: number
  readonly #header = Buffer.alloc(HEADER)
  #inHeader = 0
  /** What is still to come of the body, once the header is complete. */
  #body: Buffer | undefined
  #filled = 0
  #skip = 0

  constructor(maxValueBytes: number) {
    this.#maxBody = maxValueBytes + BESIDE_VALUE
  }

  push(bytes: Buffer, take: (frame: Frame) => void): void {
    let at = 0
    // A frame without a body is complete with the last byte of its header.
    while (at < bytes.length) {
      if (this.#inHeader < HEADER) {
        const come = Math.min(HEADER - this.#inHeader, bytes.length - at)
        bytes.copy(this.#header, this.#inHeader, at, at + come)
        this.#inHeader += come
        at += come
        if (this.#inHeader < HEADER) return
        this.#begin()
      }
      if (this.#skip > 0) {
        const come = Math.min(this.#skip, bytes.length - at)
        this.#skip -= come
        at += come
        if (this.#skip > 0) return
      } else if (this.#body !== undefined) {
        const come = Math.min(this.#body.length - this.#filled, bytes.length - at)
        bytes.copy(this.#body, this.#filled, at, at + come)
        this.#filled += come
        at += come
        if (this.#filled < this.#body.length) return
      }
      this.#inHeader = 0
      take(this.#frame())
    }
  }

  #begin(): void {
    const length = this.#header.readUInt32BE(8)
    const beside = this.#header[4]! + this.#header.readUInt16BE(2)
    if (this.#header[0] !== RESPONSE) throw new ProtocolDoubt('what is no reply')
    if (length > MAX_ANNOUNCED || beside > length) throw new ProtocolDoubt('a value of impossible size')
    const kept = length <= this.#maxBody
    this.#body = kept ? Buffer.allocUnsafe(length) : undefined
    this.#filled = 0
    this.#skip = kept ? 0 : length
  }

  #frame(): Frame {
    const header = this.#header
    const body = this.#body
    const extrasEnd = body === undefined ? 0 : header[4]!
    const keyEnd = body === undefined ? 0 : extrasEnd + header.readUInt16BE(2)
    const rest = body ?? Buffer.alloc(0)
    return {
      opcode: header[1]!,
      status: header.readUInt16BE(6),
      opaque: header.readUInt32BE(12),
      cas: header.readBigUInt64BE(16),
      extras: rest.subarray(0, extrasEnd),
      key: rest.subarray(extrasEnd, keyEnd),
      value: body?.subarray(keyEnd),
    }
  }
}
