/** docs/errors.md has every code there is in src, and no other. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import * as errors from '../../src/core/errors.ts'

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/errors.md'), 'utf8')

/** Codes of several words wherever they are quoted; those of one word where an error is made. */
const CODES = [/'([A-Z]+(?:_[A-Z]+)+)'/g, /(?:super|new \w+Error)\(\s*'([A-Z_]+)'/g, /'(caches\.[EW]\d{3})'/g]

function codesInSource(): Map<string, string> {
  const found = new Map<string, string>()
  for (const path of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })) {
    // The faults that stillwarm/testing plays are a server's, and none of ours.
    if (!path.endsWith('.ts') || path.startsWith('testing')) continue
    const text = readFileSync(join(root, 'src', path), 'utf8')
    for (const pattern of CODES) for (const match of text.matchAll(pattern)) found.set(match[1] ?? '', path)
  }
  for (const code of OF_NODE) found.delete(code)
  return found
}

/** Node's own, which src looks for. */
const OF_NODE = [
  'ERR_HTTP_HEADERS_SENT',
  'ERR_MODULE_NOT_FOUND',
  'ERR_UNKNOWN_FILE_EXTENSION',
  'MODULE_NOT_FOUND',
]

/** Those that a row of a table is about. */
const documented = new Set(
  page
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .flatMap((row) => [
      ...row
        .split('|')
        .slice(1, 3)
        .join('|')
        .matchAll(/`([A-Z_]+|caches\.\w+)`/g),
    ])
    .map((match) => match[1]),
)

describe('docs/errors.md', () => {
  const codes = codesInSource()

  it('has every code that src can give', () => {
    expect(codes.size).toBeGreaterThan(30)
    const missing = [...codes].filter(([code]) => !documented.has(code))
    expect(missing.map(([code, path]) => `${code} of src/${path}`)).toEqual([])
  })

  it('has no code that src cannot give', () => {
    expect([...documented].filter((code) => code !== undefined && !codes.has(code))).toEqual([])
  })

  it('has every class of error', () => {
    const classes = Object.keys(errors).filter((name) => /^[A-Z]\w+Error$/.test(name))
    expect(classes.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
  })
})
