/** Streams of right replies, and ways to damage them. */
import type { Verb } from './feed.ts'

export const verbs: Verb[] = [
  'hello',
  'get',
  'getMany',
  'store',
  'setMany',
  'delete',
  'touch',
  'count',
  'stats',
  'get',
]

/** Tokens as `feed` gives them: 1 for each verb of one key, three for getMany, none for what has no token. */
const META = [
  'VERSION 1.6.18\r\nMN\r\n',
  'VA 11 f7 c18446744073709551615 O1\r\nEN\r\nVA 1 O2\r\n',
  'VA 3 f0 O2\r\na\r\n\r\nVA 0 f1 O4 W Z X\r\n\r\nMN\r\n',
  'HD O5\r\n',
  'MN\r\n',
  'NF O7\r\n',
  'HD O8\r\n',
  'VA 2 O9\r\n42\r\n',
  'STAT pid 5\r\nSTAT version 1.6.18\r\nSTAT empty \r\nEND\r\n',
  'EN O10\r\n',
]

const TEXT = [
  'VERSION 1.4.5\r\n',
  'VALUE key 7 11 18446744073709551615\r\nEND\r\nVALUE \r\nEND\r\n',
  'VALUE a 0 3\r\na\r\n\r\nVALUE c 1 0\r\n\r\nEND\r\n',
  'STORED\r\n',
  'NOT_STORED\r\n',
  'NOT_FOUND\r\n',
  'TOUCHED\r\n',
  '42  \r\n',
  'STAT pid 5\r\nSTAT empty \r\nEND\r\n',
  'END\r\n',
]

function frame(
  opcode: number,
  opaque: number,
  status: number,
  extras = '',
  key = '',
  value = '',
  cas = 0n,
): Buffer {
  const head = Buffer.alloc(24)
  head[0] = 0x81
  head[1] = opcode
  head.writeUInt16BE(key.length, 2)
  head[4] = extras.length
  head.writeUInt16BE(status, 6)
  head.writeUInt32BE(extras.length + key.length + value.length, 8)
  head.writeUInt32BE(opaque, 12)
  head.writeBigUInt64BE(cas, 16)
  return Buffer.concat([head, Buffer.from(extras + key + value, 'latin1')])
}

// getMany takes four tokens here, the last for the no-op.
const BINARY = [
  frame(0x0b, 1, 0, '', '', '1.6.18'),
  frame(0x00, 2, 0, '\0\0\0\x07', '', 'hello\r\nEND', 2n ** 64n - 1n),
  Buffer.concat([
    frame(0x09, 3, 0, '\0\0\0\0', '', 'a\r\n'),
    frame(0x09, 5, 0, '\0\0\0\x01'),
    frame(0x0a, 6, 0),
  ]),
  frame(0x01, 7, 0),
  frame(0x01, 8, 5),
  frame(0x04, 9, 1, '', '', 'Not found'),
  frame(0x1c, 10, 0),
  frame(0x05, 11, 0, '', '', '\0\0\0\0\0\0\0\x2a'),
  Buffer.concat([frame(0x10, 12, 0, '', 'pid', '5'), frame(0x10, 12, 0)]),
  frame(0x00, 13, 1, '', '', 'Not found'),
]

const latin1 = (part: string) => Buffer.from(part, 'latin1')

/** For each verb of `verbs`, the part of the stream that answers it. */
export const seeds = {
  meta: META.map(latin1),
  text: TEXT.map(latin1),
  binary: BINARY,
} as const

/** Pieces of protocol that a random byte would seldom make. */
const WORDS = [
  '\r\n',
  '\n',
  ' ',
  'VA ',
  'HD',
  'EN\r\n',
  'MN\r\n',
  'NS',
  'EX',
  'END\r\n',
  'ERROR\r\n',
  'SERVER_ERROR out of memory\r\n',
  'CLIENT_ERROR x\r\n',
  'VALUE key 0 1\r\n',
  ' O1',
  ' O',
  ' c',
  ' t-1',
  '-1',
  '99999999999999999999',
  '\0',
  '\x81',
  '\xff\xff\xff\xff',
  '0',
  '1',
]

/** One to four damages, the same for the same seed. */
export function mutated(stream: Buffer, seed: number): Buffer {
  let state = seed | 0 || 1
  const random = (below: number) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
  let bytes = stream
  for (let damages = 1 + random(4); damages > 0; damages--) {
    const at = random(bytes.length + 1)
    const length = random(12)
    const insert =
      random(3) === 0 ? Buffer.of(random(256)) : Buffer.from(WORDS[random(WORDS.length)]!, 'latin1')
    const kind = random(5)
    const head = bytes.subarray(0, at)
    const tail = bytes.subarray(Math.min(bytes.length, at + length))
    if (kind === 0) bytes = Buffer.concat([head, insert, bytes.subarray(at)])
    else if (kind === 1) bytes = Buffer.concat([head, tail])
    else if (kind === 2) bytes = Buffer.concat([head, insert, tail])
    else if (kind === 3) bytes = Buffer.concat([head, bytes.subarray(Math.max(0, at - length))])
    else {
      bytes = Buffer.from(bytes)
      if (at < bytes.length) bytes[at]! ^= 1 << random(8)
    }
  }
  return bytes
}
