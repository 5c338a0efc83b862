/** MySQL refuses a statement larger than `max_allowed_packet` and ends the connection: such a one is not even sent. */
import type { Statement, Value } from '../dialect.ts'
import { failure } from '../failure.ts'

/** Asks for the limit, in bytes. */
export const LARGEST: Statement = {
  name: '',
  text: 'SELECT @@max_allowed_packet',
  params: [],
  prepared: false,
}

/** Each statement stands for itself: with fewer locks between keys there are fewer deadlocks. */
export const READ_COMMITTED: Statement = {
  name: '',
  text: 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  params: [],
  prepared: false,
}

/** For what is around the values. */
const OVERHEAD = 4_096

/** @throws SqlError that means `too-large` */
export function checkSize(text: string, values: readonly Value[], asPrepared: boolean, limit: number): void {
  const size = values.reduce<number>(
    (sum, value) => sum + (value instanceof Uint8Array ? value.length : 0),
    0,
  )
  // Written into the text, a byte may take two letters.
  if (text.length + size * (asPrepared ? 1 : 2) + OVERHEAD <= limit) return
  throw failure('ER_NET_PACKET_TOO_LARGE', 'The value is larger than max_allowed_packet', 'too-large')
}
