// @ts-check
/**
 * One contender of a measure in its own process: `fork('contender.mjs', [file, row, contender])`. Says `ready` when its
 * cache is filled and its code warm, then answers each message with one round's number.
 */
import { pathToFileURL } from 'node:url'

const [file = '', row = '', contender = ''] = process.argv.slice(2)

/** @type {{ rows: import('./harness.mjs').Row[] }} */
const { rows } = await import(pathToFileURL(file).href)
const make = rows.find(({ name }) => name === row)?.contenders[contender]
if (!make) throw new Error(`${file} has no contender ${contender} in ${row}`)
const round = await make()
await round()

process.on('message', async () => process.send?.(await round()))
process.send?.('ready')
