/** Bytes in, the same bytes out. */
import assert from 'node:assert/strict'
import { PLAIN } from '../../core/values/entry.ts'
import { onStage } from '../stage.ts'

const every = Uint8Array.from({ length: 257 }, (_, i) => (i === 0 ? PLAIN : i - 1))

export const bytes = [
  onStage('A27 every byte comes back as it was', async (stage) => {
    await stage.set('key', every)
    await stage.holds('key', every)
    const read = await stage.store.get(stage.space, 'key')
    assert.ok(read instanceof Uint8Array)
  }),
  onStage('A26 bytes that look like a protocol, a number or an expiry are bytes', async (stage) => {
    for (const text of [
      '\r\nEND\r\n',
      'VALUE key 0 5\r\n',
      ' 42',
      '4e2',
      '+7',
      '0x10',
      '',
      '$-1\r\n',
      '\0',
    ]) {
      const what = Buffer.from(text, 'latin1')
      await stage.set('key', what)
      await stage.holds('key', what)
    }
  }),
  onStage('SER-02 what the writer or a reader does to its bytes changes nothing', async (stage) => {
    const mine = Uint8Array.from(every)
    await stage.set('key', mine)
    mine.fill(0)
    await stage.holds('key', every)
    const read = await stage.store.get(stage.space, 'key')
    assert.ok(read instanceof Uint8Array)
    read.fill(0)
    await stage.holds('key', every)
  }),
  onStage('a view into larger bytes is stored, and nothing around it', async (stage) => {
    const view = new Uint8Array(Uint8Array.from(every).buffer, 0, 20).subarray(0, 10)
    await stage.set('key', view)
    await stage.holds('key', every.subarray(0, 10))
  }),
  onStage('900 kB come back whole', async (stage) => {
    const what = Buffer.alloc(900_000, every)
    await stage.set('key', what)
    await stage.holds('key', what)
  }),
  onStage('A01 digits alone are a number to count; digits among other bytes are not', async (stage) => {
    await stage.set('text', stage.what('5'))
    await assert.rejects(async () => stage.store.incr(stage.space, 'text', 1), { code: 'NOT_A_NUMBER' })
    for (const text of ['5 ', '5.5', '1e3', '-', '', '99999999999999999999', '٣']) {
      await stage.set('bytes', Buffer.from(text))
      await assert.rejects(async () => stage.store.incr(stage.space, 'bytes', 1), Error, JSON.stringify(text))
      await stage.holds('bytes', Buffer.from(text))
    }
  }),
]
