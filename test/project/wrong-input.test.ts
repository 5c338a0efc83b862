/** What users get wrong at a door is told them with a code, at once, whatever it is that they hand in. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { exportMap } from '../../scripts/check-exports.mjs'
import { ROOT } from '../../scripts/report.mjs'

const WRONG: unknown[] = [
  ...[undefined, null, true, -1, Number.NaN, 10n, '', 'x', Symbol('s')],
  ...[[], [null], {}, { bogus: 1 }, new Map(), new Date(0), () => {}],
  ...[{ backend: 5 }, { url: 5 }, { client: 5 }, { pool: null }, { types: 5 }, { types: { Money: {} } }],
]
const SECOND: unknown[] = [undefined, null, 5, { bogus: 1 }]

/** For authors of backends, who make errors with them. */
const MAKERS = ['argumentError', 'notANumber']

for (const [door, target] of Object.entries(exportMap(ROOT))) {
  if (typeof target === 'string') continue
  it(`every function of ${door.replace('.', 'stillwarm')} meets wrong input with a coded error, or none`, async () => {
    const module: Record<string, unknown> = await import(pathToFileURL(join(ROOT, target.default)).href)
    const uncoded: string[] = []
    for (const [name, open] of Object.entries(module)) {
      if (typeof open !== 'function' || isClass(open) || MAKERS.includes(name)) continue
      for (const first of WRONG) {
        for (const second of SECOND) {
          try {
            await close(await open(first, second))
          } catch (error) {
            const { code } = error as { code?: unknown }
            if (typeof code !== 'string') uncoded.push(`${name}: ${error}`)
          }
        }
      }
    }
    expect([...new Set(uncoded)]).toEqual([])
  })
}

function isClass(value: object): boolean {
  return Function.prototype.toString.call(value).startsWith('class')
}

async function close(made: unknown): Promise<void> {
  if (typeof made !== 'object' || made === null || !('close' in made)) return
  if (typeof made.close === 'function') await made.close()
}
