import { isToken, stripBlanks } from './fields.ts'

/**
 * The grammar of Cache-Control (RFC 9111 §5.2): members between commas, `name` or `name=argument`,
 * the argument a token or a quoted string. Commas and equals signs inside quotes are data. What
 * the members mean is not known here: cache-control.ts reads them, patch-cache-control.ts writes
 * them. Never throws, and takes time linear in the text.
 */
export interface Directive {
  /** In lower case, blanks stripped. Not necessarily a token: see `wellFormed`. */
  readonly name: string
  /** The argument as it was written, quotes included; undefined for a bare directive. */
  readonly argument: string | undefined
  /** The member as it was written, blanks stripped. */
  readonly text: string
  /** The member follows the grammar to the letter, no blanks round `=` included. */
  readonly wellFormed: boolean
}

export interface DirectiveList {
  readonly directives: readonly Directive[]
  /** A quote is opened and never closed, so that nobody can say what was meant as data. */
  readonly torn: boolean
}

export function parseDirectives(line: string): DirectiveList {
  const { members, torn } = line.includes('"')
    ? splitOutsideQuotes(line)
    : { members: line.split(','), torn: false }
  const directives: Directive[] = []
  for (const member of members) {
    const text = stripBlanks(member)
    if (text !== '') directives.push(directive(text))
  }
  return { directives, torn }
}

/** The text of an argument: what a quoted string says, or the token as it is. */
export function unquote(argument: string): string {
  if (!isQuoted(argument)) return argument
  return argument.slice(1, -1).replace(/\\(.)/gs, '$1')
}

/** A text without its quoted strings. One that never closes is not taken for quoted. */
export function outsideQuotes(text: string): string {
  let outside = ''
  let start = 0
  let end = text.indexOf('"')
  while (end !== -1) {
    const close = closingQuote(text, end)
    if (close === -1) break
    outside += `${text.slice(start, end)} `
    start = close + 1
    end = text.indexOf('"', start)
  }
  return outside + text.slice(start)
}

function closingQuote(text: string, open: number): number {
  for (let i = open + 1; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x22) return i
    if (code === 0x5c) i++
  }
  return -1
}

function directive(text: string): Directive {
  const equals = text.indexOf('=')
  if (equals === -1) {
    return { name: text.toLowerCase(), argument: undefined, text, wellFormed: isToken(text) }
  }
  const name = text.slice(0, equals)
  const argument = text.slice(equals + 1)
  return {
    name: stripBlanks(name).toLowerCase(),
    argument: stripBlanks(argument),
    text,
    wellFormed: isToken(name) && (isToken(argument) || isQuoted(argument)),
  }
}

function isQuoted(text: string): boolean {
  return /^"(?:[^"\\]|\\.)*"$/s.test(text)
}

function splitOutsideQuotes(line: string): { members: string[]; torn: boolean } {
  const members: string[] = []
  let start = 0
  let quoted = false
  for (let i = 0; i < line.length; i++) {
    const code = line.charCodeAt(i)
    if (code === 0x22) quoted = !quoted
    else if (quoted && code === 0x5c) i++
    else if (!quoted && code === 0x2c) {
      members.push(line.slice(start, i))
      start = i + 1
    }
  }
  members.push(line.slice(start))
  return { members, torn: quoted }
}
