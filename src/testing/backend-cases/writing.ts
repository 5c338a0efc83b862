/** set: over whatever was there. */
import { onStage } from '../stage.ts'

export const writing = [
  onStage('API-02 set is true when stored, over what was there too', async (stage) => {
    await stage.set('key', stage.what('old'))
    await stage.set('key', stage.what('new'))
    await stage.holds('key', stage.what('new'))
  }),
  onStage('a longer, a shorter and another kind of value take the place of the old one', async (stage) => {
    for (const what of [stage.what('x'.repeat(5_000)), stage.what('x'), stage.number(7), stage.graced('g')]) {
      await stage.set('key', what)
      await stage.holds('key', what)
    }
  }),
  onStage('set replaces the end as well', async (stage) => {
    const end = stage.soon
    await stage.set('kept', stage.what('old'), end)
    await stage.set('kept', stage.what('new'), stage.later)
    await stage.set('lost', stage.what('old'), stage.later)
    await stage.set('lost', stage.what('new'), end)
    await stage.passTo(end)
    await stage.holds('kept', stage.what('new'))
    await stage.isGone('lost')
  }),
  onStage('keys do not touch each other', async (stage) => {
    for (let i = 0; i < 50; i++) await stage.set(`key${i}`, stage.what(`value${i}`))
    for (let i = 0; i < 50; i++) await stage.holds(`key${i}`, stage.what(`value${i}`))
  }),
]
