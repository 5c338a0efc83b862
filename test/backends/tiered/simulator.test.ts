/** The simulator of the examples, for a few seconds: `npm run simulate` runs it for a minute. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { ROOT } from '../../../scripts/report.mjs'

it('F84 T14 three processes agree with the source within 3 s of the last fault, and a row for each is printed', async () => {
  const args = ['examples/simulator/main.mjs', '--seconds', '4']
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT }).catch((error) => {
    throw new Error(`the simulator failed:\n${error.stdout}\n${error.stderr}`)
  })
  const [, faults] = /(\d+) faults/.exec(stdout) ?? []
  const [, after] = /All agree with the source ([\d.]+) s after the last fault/.exec(stdout) ?? []
  expect(Number(faults)).toBeGreaterThan(2)
  expect(Number(after)).toBeLessThanOrEqual(3)
  expect(stdout).toMatch(/node 1 {2}■{60}\nnode 2 {2}■{60}\nnode 3 {2}■{60}\n/)
})
