import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonText, quoted, visible, visibleLine } from '../../src/cli/visible.ts'

/** What a terminal would obey or a reader be misled by. */
const HARMFUL = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/u

const text = fc.string({ unit: 'binary', maxLength: 40 })

describe('A99 nothing that a terminal would obey is written', () => {
  it('a title, a colour, a cursor, the eight-bit forms and marks of direction are written out', () => {
    expect(visible('\x1b]0;owned\x07')).toBe('\\x1b]0;owned\\x07')
    expect(visible('\x1b[31mred\x9b2J')).toBe('\\x1b[31mred\\x9b2J')
    expect(visible('user\u202egnp.exe')).toBe('user\\u202egnp.exe')
    expect(visible('a\rb')).toBe('a\\x0db')
  })

  it('text keeps its lines and tabs, a name is one line', () => {
    expect(visible('a\n\tb')).toBe('a\n\tb')
    expect(visibleLine('a\n\tb\r')).toBe('a\\n\\tb\\r')
    expect(quoted('a\nb')).toBe('"a\\nb"')
  })

  it('what people write stays as it is', () => {
    for (const plain of ['größe', '日本語', 'نمی\u200cخواهم', '👩\u200d👩\u200d👧', 'C:\\cache']) {
      expect(visibleLine(plain)).toBe(plain)
    }
  })

  it('of any text', () => {
    fc.assert(
      fc.property(text, (any) => {
        expect(visibleLine(any)).not.toMatch(HARMFUL)
        expect(visible(any).replace(/[\n\t]/g, '')).not.toMatch(HARMFUL)
      }),
    )
  })

  it('JSON is the same value without any of it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        const json = jsonText(value)
        expect(json).not.toMatch(HARMFUL)
        expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })
})
