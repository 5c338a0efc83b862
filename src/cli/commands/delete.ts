/** Removes keys. */
import type { Command } from '../command.ts'
import { DONE, FAILED } from '../failure.ts'
import { cacheOf, versionOf } from '../given.ts'
import { answerOf, noteIfPrivate } from '../reach.ts'

export const deleteKeys: Command = {
  usage: 'delete <keys...>',
  summary: 'remove keys',
  options: [
    ['--cache <alias>', 'the cache they are in (default: default)'],
    ['--version <number>', "the keys' version, where it is not the cache's own"],
    ['--json', 'the outcome as JSON'],
  ],
  examples: ['stillwarm delete user:42 user:43'],
  async run({ terminal, load }, typed, options) {
    const { caches } = await load()
    const cache = cacheOf(caches, options)
    const keys = [...new Set(typed)]
    const version = versionOf(options.version)
    const deleted = await answerOf(cache, () => cache.deleteMany(keys, { version }))
    if (options.json) terminal.json({ cache: cache.alias, asked: keys.length, deleted })
    else
      terminal.out(
        `${deleted} of ${keys.length} ${keys.length === 1 ? 'key was' : 'keys were'} there, and removed`,
      )
    const note = noteIfPrivate(cache)
    if (note) terminal.note(note)
    return deleted > 0 ? DONE : FAILED
  },
}
