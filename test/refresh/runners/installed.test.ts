/** What is not installed is told as the program starts, with the command that installs it. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { builtSources } from '../../built.ts'

const built = builtSources()
const bare = mkdtempSync(join(tmpdir(), 'stillwarm-bare-'))
afterAll(() => rmSync(bare, { recursive: true, force: true }))
execFileSync('cp', ['-r', ...['core', 'refresh'].map((folder) => join(built, folder)), bare])
writeFileSync(join(bare, 'package.json'), '{"type":"module"}')

/** Code and message of what a runner throws there. */
function said(module: string, call: string): string {
  const program = `
    import { ${call.split('(')[0]} } from '${bare}/refresh/runners/${module}'
    try { ${call}; console.log('made') } catch ({ name, code, message }) { console.log(name, code, message) }`
  return execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
  }).trim()
}

/** Only that it is there. */
function install(name: string): void {
  const place = join(bare, 'node_modules', name)
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, 'index.js'), '')
}

describe('CB-67 a library that is not installed', () => {
  it('bullmq() names what it needs, and not ioredis where a client was given', () => {
    const needs = 'ConfigError MISSING_PACKAGE bullmq() needs a library that is not installed: npm install'
    const client = '{ connection: { duplicate() {} } }'
    expect(said('bullmq.js', 'bullmq()')).toBe(`${needs} bullmq ioredis`)
    expect(said('bullmq.js', `bullmq(${client})`)).toBe(`${needs} bullmq`)
    install('bullmq')
    expect(said('bullmq.js', `bullmq(${client})`)).toBe('made')
    expect(said('bullmq.js', 'bullmq()')).toBe(`${needs} ioredis`)
    install('ioredis')
    expect(said('bullmq.js', 'bullmq()')).toBe('made')
  })

  it('pgBoss() names what it needs', () => {
    const needs = 'ConfigError MISSING_PACKAGE pgBoss() needs a library that is not installed: npm install'
    expect(said('pg-boss/pg-boss.js', 'pgBoss()')).toBe(`${needs} pg-boss`)
    install('pg-boss')
    expect(said('pg-boss/pg-boss.js', 'pgBoss()')).toBe('made')
  })
})
