// @ts-check
/** The rankings, which go over every row: jobs, so that no visitor waits for one again once it has been made. */
import { refreshWith } from 'stillwarm/refresh'
import * as atlas from './cities.mjs'

/**
 * @param {ReturnType<typeof import('./caches.mjs').openCaches>} caches
 * @param {import('stillwarm/refresh').Runner} [runner] carries the refreshes; in this process by default
 */
export function defineRankings(caches, runner) {
  const { defineJob } = refreshWith({
    cache: caches.default,
    lifetime: '10m',
    storeFor: '1d',
    ...(runner && { runner }),
  })
  return {
    countries: defineJob({ name: 'countries', load: atlas.countries }),
    largest: defineJob({ name: 'largest', load: () => atlas.largest() }),
    crowdedest: defineJob({ name: 'crowdedest', load: atlas.crowdedest }),
  }
}
