// @ts-check
/** The earlier process of the tour: keeps a letter in files, says who it was, and ends. */
import { openCaches } from './caches.mjs'

const caches = openCaches(process.argv[2] ?? '')
await caches.disk.set('tour:letter', { from: process.pid, at: new Date() })
await caches.close()
console.log(process.pid)
