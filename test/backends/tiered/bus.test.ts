/** The promises of a bus, case by case, and of the one that tests use. */
import { describe, it } from 'vitest'
import { type BusContext, busCases, busHub } from '../../../src/testing/index.ts'

const hub = busHub()
const context: BusContext = { bus: () => hub.bus(), leave: () => hub.leave(), comeBack: () => hub.comeBack() }

for (const [topic, cases] of Object.entries(busCases)) {
  describe(topic, () => {
    for (const { name, run } of cases) it(name, () => run(context))
  })
}
