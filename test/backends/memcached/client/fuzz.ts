/**
 * L17: damages streams of replies for as long as it is told to, and ends at the first exception that is no doubt, or the
 * first stream that means something else when it comes in pieces. The tests run a few thousand; this is the long run:
 *
 *   npx tsc -p . --noEmit false --outDir .cache/fuzz && node .cache/fuzz/test/backends/memcached/client/fuzz.js 10000000 [seed]
 */
import { deepStrictEqual } from 'node:assert'
import { binary } from '../../../../src/backends/memcached/client/binary.ts'
import { meta } from '../../../../src/backends/memcached/client/meta.ts'
import { text } from '../../../../src/backends/memcached/client/text.ts'
import { feed } from './feed.ts'
import { mutated, seeds, verbs } from './seeds.ts'

const executions = Number(process.argv[2] ?? 1_000_000)
const first = Number(process.argv[3] ?? Date.now() % 1_000_000_000)

function once(
  name: keyof typeof seeds,
  seed: number,
): { bytes: Buffer; run: (chunks: Buffer[]) => unknown[] } {
  // Every verb stands first at times; else the later ones would hide behind an earlier doubt.
  const from = Math.abs(seed >> 3) % verbs.length
  const bytes = mutated(Buffer.concat(seeds[name].slice(from)), seed)
  if (name === 'binary') return { bytes, run: (chunks) => feed(binary, verbs, chunks, from) }
  const dialect = name === 'meta' ? meta : text
  return { bytes, run: (chunks) => feed(dialect, verbs, chunks, from) }
}

const started = performance.now()
const found = new Map<string, number>()
for (let i = 0; i < executions; i++) {
  const seed = Math.imul(first + i, 0x9e3779b1)
  const name = (['meta', 'text', 'binary'] as const)[i % 3]!
  const { bytes, run } = once(name, seed)
  try {
    const whole = run([bytes])
    for (const outcome of whole) {
      const kind = `${name} ${outcome === 'open' ? 'open' : Object.keys(outcome as object)[0]}`
      found.set(kind, (found.get(kind) ?? 0) + 1)
    }
    const cut = Math.abs(seed >> 7) % (bytes.length + 1)
    deepStrictEqual(run([bytes.subarray(0, cut), bytes.subarray(cut)]), whole)
  } catch (fault) {
    console.error(`execution ${i}, seed ${first}: ${name} ${JSON.stringify(bytes.toString('latin1'))}`)
    throw fault
  }
}
const seconds = (performance.now() - started) / 1000
console.log(`${executions} executions, ${Math.round(executions / seconds)} a second, seed ${first}: no crash`)
console.log(Object.fromEntries(found))
