/** CRC-32 as the last four bytes, little-endian, of what it covers: how stored entries know that they are whole. */
import { crc32 } from 'node:zlib'

export const CHECKSUM = 4

/** What CRC-32 comes to over anything with its own CRC-32 behind it. */
const INTACT = 0x2144df1c

/** Do these bytes end with the checksum of all before it? */
export function isIntact(bytes: Uint8Array): boolean {
  return crc32(bytes) === INTACT
}

/** Writes the checksum of all before it into the last four bytes. */
export function addChecksum(bytes: Buffer): void {
  const end = bytes.length - CHECKSUM
  bytes.writeUInt32LE(crc32(bytes.subarray(0, end)), end)
}
