/** Stores a value that was typed, or comes by stdin: what is typed, every user of the machine can see while the command runs. */
import type { Command } from '../command.ts'
import { DONE, FAILED, UsageError } from '../failure.ts'
import { cacheOf, ttlOf, versionOf } from '../given.ts'
import { answerOf, noteIfPrivate } from '../reach.ts'
import { quoted } from '../visible.ts'

export const set: Command = {
  usage: 'set <key> <value>',
  summary: 'store a value: JSON where it reads as JSON, else text; - reads it from stdin',
  options: [
    ['--cache <alias>', 'the cache it goes to (default: default)'],
    ['--ttl <time>', "seconds, '30s', '5m', '2h', '7d', or never (default: the cache's own)"],
    ['--version <number>', "the key's version, where it is not the cache's own"],
    ['--as <kind>', 'json or text: take it as that'],
    ['--json', 'the outcome as JSON'],
  ],
  examples: [
    'stillwarm set greeting hello --ttl 5m',
    'stillwarm set flags \'{"beta":true}\'',
    'stillwarm set zip 01234 --as text',
    'stillwarm set page - < page.html',
  ],
  async run({ terminal, load }, [key = '', typed = ''], options) {
    const { ttl, version, as } = options
    const place = { ttl: ttlOf(ttl), version: versionOf(version) }
    const { kind, value } = readValue(typed === '-' ? String(await terminal.input()) : typed, as)
    const { caches } = await load()
    const cache = cacheOf(caches, options)
    const stored = await answerOf(cache, () => cache.set(key, value, place))
    const note = noteIfPrivate(cache)
    if (options.json) terminal.json({ cache: cache.alias, key, stored, as: kind })
    else if (stored) terminal.out(`${quoted(key)} is stored in ${cache.alias}, as ${kind}`)
    else terminal.note(`${quoted(key)} is not stored: ${cache.alias} would not keep it, or it is too large`)
    if (note) terminal.note(note)
    return stored ? DONE : FAILED
  },
}

/** What a text says. @throws UsageError where JSON could not say the number, or was promised and is not there. */
export function readValue(text: string, as?: string): { kind: 'json' | 'text'; value: unknown } {
  if (as !== undefined && as !== 'json' && as !== 'text') throw new UsageError('--as must be json or text')
  if (as === 'text') return { kind: 'text', value: text }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    if (as === 'json') throw new UsageError('the value is not JSON')
    return { kind: 'text', value: text }
  }
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new UsageError(
      'the value is a whole number beyond 2^53, which would not be kept exactly: --as text keeps its digits',
    )
  }
  return { kind: 'json', value }
}
