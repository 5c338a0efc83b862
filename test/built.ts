/**
 * The sources as plain JavaScript, for tests that need processes of their own: Node 20 runs no TypeScript. `dist/` where it is what
 * `src/` says, as in `npm test`; else they are built for the one test file.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll } from 'vitest'
import { isBuilt } from '../scripts/ready.mjs'
import { ROOT } from '../scripts/report.mjs'

/** The folder of it; to be called while the test file is read. */
export function builtSources(): string {
  if (isBuilt(ROOT)) return join(ROOT, 'dist')
  const built = mkdtempSync(join(tmpdir(), 'stillwarm-built-'))
  afterAll(() => rmSync(built, { recursive: true, force: true }))
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
  const how = ['-p', 'tsconfig.build.json', '--outDir', built, '--declaration', 'false', '--noCheck']
  execFileSync(process.execPath, [tsc, ...how], { cwd: ROOT })
  writeFileSync(join(built, 'package.json'), '{"type":"module"}')
  symlinkSync(join(ROOT, 'node_modules'), join(built, 'node_modules'))
  return built
}
