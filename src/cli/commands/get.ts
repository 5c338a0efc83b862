/** Shows what rests under a key. It is looked at, not used: nothing is refreshed and nothing moves. */
import { inspect } from 'node:util'
import type { Command } from '../command.ts'
import { DONE, FAILED } from '../failure.ts'
import { cacheOf, versionOf } from '../given.ts'
import { jsonView } from '../json-view.ts'
import { answerOf, noteIfPrivate } from '../reach.ts'
import { quoted } from '../visible.ts'

export const get: Command = {
  usage: 'get <key>',
  summary: 'show the value of a key',
  options: [
    ['--cache <alias>', 'the cache it is in (default: default)'],
    ['--version <number>', "the key's version, where it is not the cache's own"],
    ['--stale', 'a value that is stale too'],
    ['--json', 'its times too, as JSON'],
  ],
  examples: ['stillwarm get user:42', 'stillwarm get user:42 --json | jq .expiresAt'],
  async run({ terminal, load }, [key = ''], options) {
    const { caches } = await load()
    const cache = cacheOf(caches, options)
    const found = await answerOf(cache, () => cache.inspect(key, { version: versionOf(options.version) }))
    const { status, value, age, createdAt, staleAt, expiresAt } = found
    const wanted = status === 'fresh' || (status === 'stale' && options.stale === true)
    const view = jsonView(value)
    if (options.json) {
      const times = { age, createdAt, staleAt, expiresAt }
      terminal.json({ cache: cache.alias, key, status, found: wanted, ...(wanted && view), ...times })
    } else if (wanted) {
      terminal.out(textOf(value))
    } else {
      const what = status === 'stale' ? 'is stale: --stale shows it' : 'is not there'
      terminal.note(`${quoted(key)} ${what}`)
      const note = noteIfPrivate(cache)
      if (note) terminal.note(note)
    }
    return wanted ? DONE : FAILED
  },
}

/** Text as it is, what JSON can say as JSON, and the rest as Node shows it. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  const view = jsonView(value)
  if (view.exact) return JSON.stringify(view.value, undefined, 2)
  return inspect(value, { depth: null, maxArrayLength: null, maxStringLength: null, customInspect: false })
}
