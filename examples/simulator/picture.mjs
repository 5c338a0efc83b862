// @ts-check
/** One row a process, one mark a key: green when it is what the source says. */

/** @typedef {'in step' | 'behind' | 'no answer'} State */

const MARKS = { 'in step': '■', behind: '□', 'no answer': '·' }
const COLOURS = { 'in step': 32, behind: 31, 'no answer': 90 }

/**
 * @param {State[][]} rows
 * @param {string} caption
 * @param {boolean} coloured
 */
export function picture(rows, caption, coloured) {
  const paint = (/** @type {string} */ text, /** @type {number} */ colour) =>
    coloured ? `\x1b[${colour}m${text}\x1b[0m` : text
  const lines = rows.map((states, i) => {
    const all = states.every((state) => state === 'in step')
    const marks = states.map((state) => paint(MARKS[state], COLOURS[state])).join('')
    return `${paint(`node ${i + 1}`, all ? 32 : 31)}  ${marks}`
  })
  return [...lines, caption].join('\n')
}

/** Draws over what it drew before, on a terminal; elsewhere it prints one picture after the other. */
export class Screen {
  #lines = 0

  /** @param {NodeJS.WriteStream} out */
  constructor(out) {
    this.out = out
    this.coloured = out.isTTY && out.hasColors() && !process.env.NO_COLOR
  }

  /** @param {string} text */
  draw(text) {
    const over = this.out.isTTY && this.#lines > 0 ? `\x1b[${this.#lines}A\x1b[J` : ''
    this.out.write(`${over}${text}\n`)
    this.#lines = text.split('\n').length
  }

  /** What is there stays; the next picture comes below. */
  keep() {
    this.#lines = 0
  }
}
