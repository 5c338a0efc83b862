/** Empties a cache. It cannot be undone, so it asks; where nobody can be asked it has to be told. */
import type { Command } from '../command.ts'
import { DONE, FAILED, UsageError } from '../failure.ts'
import { cacheOf, timeoutOf } from '../given.ts'
import { answerOf, inside, noteIfPrivate } from '../reach.ts'
import { sizeOf } from '../size.ts'

export const clear: Command = {
  usage: 'clear',
  summary: 'remove all keys of a cache',
  options: [
    ['--cache <alias>', 'the cache (default: default)'],
    ['--everything', "the whole store, other caches' and applications' keys too"],
    ['--yes', 'do not ask'],
    ['--json', 'the outcome as JSON'],
  ],
  examples: ['stillwarm clear --cache pages', 'stillwarm clear --yes'],
  async run({ terminal, load }, _, options) {
    const { caches } = await load()
    const cache = cacheOf(caches, options)
    const { everything = false, yes = false } = options
    if (!yes && !terminal.interactive) {
      throw new UsageError('clear asks before it removes anything, and there is nobody to ask: say --yes')
    }
    const { name } = inside(cache).settings.backend
    const what = everything ? `the whole store of ${cache.alias}` : `all keys of ${cache.alias}`
    const size = await sizeOf(cache, timeoutOf(undefined)).catch(() => undefined)
    const held = size === undefined ? '' : `, which holds ${size.entries} entries`
    if (!yes && !(await terminal.ask(`Remove ${what} (${name}${held})?`))) {
      terminal.note('Nothing was removed.')
      return FAILED
    }
    const cleared = await answerOf(cache, () => cache.clear({ everything }))
    if (options.json) terminal.json({ cache: cache.alias, everything, cleared })
    else if (cleared)
      terminal.out(`Removed ${what} (${name}${held === '' ? '' : held.replace('holds', 'held')})`)
    else terminal.note(`${cache.alias} was not cleared`)
    const note = noteIfPrivate(cache)
    if (note) terminal.note(note)
    return cleared ? DONE : FAILED
  },
}
