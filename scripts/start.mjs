// @ts-check
/** `npm start`: from a fresh clone to the demo site. What follows `--` goes to the site: `npm start -- --port 8080`. */
import { build, install } from './ready.mjs'

install()
build()
await import('../examples/atlas/main.mjs')
