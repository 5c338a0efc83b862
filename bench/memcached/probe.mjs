// @ts-check
/**
 * The limit: a bare socket that speaks just enough of the meta protocol to be answered. It trusts every reply, checks no
 * key, knows one server and no failure, and answers nothing but that it was answered.
 */
import { once } from 'node:events'
import { connect } from 'node:net'

/** @param {number} port */
export async function openProbe(port) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true }).setEncoding('latin1')
  await once(socket, 'connect')
  /** @type {((answered: true) => void)[]} */
  const waiting = []
  let first = 0
  let begun = ''
  let out = ''

  socket.on('data', (/** @type {string} */ come) => {
    const text = begun + come
    let at = 0
    for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n', at)) {
      let quiet = false
      let next = end + 2
      if (text.startsWith('VA ', at)) {
        next += Number.parseInt(text.slice(at + 3, end), 10) + 2
        if (text.length < next) break
        quiet = text.startsWith(' k', text.indexOf(' ', at + 3))
      }
      at = next
      if (!quiet) waiting[first++]?.(true)
    }
    begun = text.slice(at)
    if (first === waiting.length) first = waiting.length = 0
  })

  function flush() {
    socket.write(out, 'latin1')
    out = ''
  }

  /** @param {string} command */
  function ask(command) {
    if (out === '') queueMicrotask(flush)
    out += command
    return new Promise((resolve) => waiting.push(resolve))
  }

  return {
    get: (/** @type {string} */ key) => ask(`mg ${key} v\r\n`),
    set: (/** @type {string} */ key, /** @type {string} */ value) =>
      ask(`ms ${key} ${value.length}\r\n${value}\r\n`),
    getMany: (/** @type {string[]} */ keys) =>
      ask(`${keys.map((key) => `mg ${key} v k q\r\n`).join('')}mn\r\n`),
    setMany: (/** @type {string[]} */ keys, /** @type {string} */ value) =>
      ask(`${keys.map((key) => `ms ${key} ${value.length} q\r\n${value}\r\n`).join('')}mn\r\n`),
  }
}
