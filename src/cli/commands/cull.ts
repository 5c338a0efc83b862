/** Makes room by hand, as backends do by themselves behind a site: what is over goes, and what is over the limit of rows. */
import type { Cache } from '../../core/cache.ts'
import type { Command } from '../command.ts'
import { DONE, FAILED, reasonOf } from '../failure.ts'
import { cachesOf } from '../given.ts'
import { answerOf, failed, inside } from '../reach.ts'
import { tablesOf } from '../tables.ts'

interface Culled {
  readonly caches: readonly string[]
  readonly removed?: number
  readonly reason?: string
}

export const cull: Command = {
  usage: 'cull',
  summary: 'remove what has expired, and rows over the limit',
  options: [
    ['--cache <alias...>', 'only these'],
    ['--json', 'as JSON'],
  ],
  async run({ terminal, load }, _, options) {
    const { caches } = await load()
    const chosen = cachesOf(caches, options)
    const culled: Culled[] = []
    const did = async (names: string[], cache: Cache, work: () => Promise<number>) => {
      try {
        const removed = await work()
        culled.push({ caches: names, removed })
        if (!options.json) terminal.out(`${names.join(', ')}: ${removed} removed`)
      } catch (error) {
        const reason = reasonOf(failed(cache, error))
        culled.push({ caches: names, reason })
        terminal.note(reason, 'red')
      }
    }
    const tables = tablesOf(chosen)
    for (const of of tables) {
      await did(
        of.caches.map(({ alias }) => alias),
        of.caches[0],
        () => of.table.cull(),
      )
    }
    const culls = (cache: Cache) => inside(cache).settings.backend
    for (const cache of chosen.filter((cache) => culls(cache).prune && !culls(cache).table)) {
      await did([cache.alias], cache, () => answerOf(cache, () => cache.prune()))
    }
    if (options.json) terminal.json(culled)
    else if (culled.length === 0)
      terminal.note('Nothing to cull: these backends remove what is over by themselves.')
    return culled.every(({ reason }) => reason === undefined) ? DONE : FAILED
  },
}
