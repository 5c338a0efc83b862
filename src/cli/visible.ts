/**
 * Text as a terminal may have it. A key or a value can hold escape sequences that move the cursor, rename the window or run what
 * they typed; bidirectional marks that show something else than what is there; and halves of characters. All of them are written out.
 */

/** Control characters, marks of format (less the two joiners that scripts and emoji need), the odd ends of lines, half characters. */
const UNSEEN = /(?!\u200c|\u200d)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** For text of several lines: ends of lines and tabs stay. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (char) => (char === '\n' || char === '\t' ? char : written(char)))
}

/** For a name within a line: nothing in it can begin another. */
export function visibleLine(text: string): string {
  return text.replace(UNSEEN, (char) => SHORT[char] ?? written(char))
}

/** A key, in quotes, in one line. */
export function quoted(text: string): string {
  return jsonText(text)
}

/** Strict JSON on one line that a terminal cannot mistake for commands. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value)
  return text.replace(UNSEEN, (char) => Array.from({ length: char.length }, (_, i) => unit(char, i)).join(''))
}

function written(char: string): string {
  const code = char.codePointAt(0)!
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`
  return code <= 0xffff ? unit(char, 0) : `\\u{${code.toString(16)}}`
}

function unit(char: string, i: number): string {
  return `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`
}
