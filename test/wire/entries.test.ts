import assert from 'node:assert'
import { readFileSync } from 'node:fs'
import { describe, it } from 'vitest'
import { jsonCodec } from '../../src/codecs/default.ts'
import { msgpackrCodec } from '../../src/codecs/msgpackr.ts'
import { v8Codec } from '../../src/codecs/v8.ts'
import { makeFormat } from '../../src/core/values/encoding.ts'
import { kept } from '../codecs/values.ts'

/**
 * `[codec, name in kept, graced or plain, base64]`, as version 1 wrote them at createdAt 1.5. Lines are added, never changed:
 * what a released version stored is read for ever, or is told to be of another format.
 */
const lines: [codec: string, what: string, graced: boolean, entry: string][] = JSON.parse(
  readFileSync(new URL('entries-v1.json', import.meta.url), 'utf8'),
)

describe('WISH-17 entries that version 1 wrote', () => {
  const codecs: Record<string, ReturnType<typeof makeFormat>> = {
    json: makeFormat({ codec: jsonCodec() }),
    v8: makeFormat({ codec: v8Codec() }),
    msgpackr: makeFormat({ codec: msgpackrCodec() }),
  }
  for (const [codec, what, graced, entry] of lines) {
    it(`are read today: ${what}, ${codec}, ${graced ? 'graced' : 'plain'}`, () => {
      const decoded = codecs[codec]!.decode(Buffer.from(entry, 'base64'))
      assert('value' in decoded)
      assert.deepStrictEqual(decoded, {
        value: kept[what],
        createdAt: what === 'counter' && !graced ? undefined : 1.5,
        grace: graced ? { staleAt: 2.5, staleFor: 3.5 } : undefined,
      })
    })
  }
})
