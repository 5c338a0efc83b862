/** Any string that is not empty is a key, and only that key. */
import assert from 'node:assert/strict'
import { onStage, type Stage } from '../stage.ts'

/** Each is stored; then each still has its own value, and goes alone. */
async function allApart(stage: Stage, keys: readonly string[]): Promise<void> {
  for (const [i, key] of keys.entries()) await stage.set(key, stage.what(`value ${i}`))
  for (const [i, key] of keys.entries()) await stage.holds(key, stage.what(`value ${i}`))
  const found = await stage.store.getMany(stage.space, keys)
  assert.deepEqual([...found.keys()].sort(), [...keys].sort())
  const [first = '', ...rest] = keys
  assert.equal(await stage.store.delete(stage.space, first), true)
  await stage.isGone(first)
  for (const [i, key] of rest.entries()) await stage.holds(key, stage.what(`value ${i + 1}`))
  assert.equal(await stage.store.deleteMany(stage.space, rest), rest.length)
}

export const hostileKeys = [
  onStage('A01 line ends and commands in a key are part of the key', async (stage) => {
    await stage.set('pwn', stage.what('safe'))
    await allApart(stage, [
      'x\r\nset pwn 0 0 1\r\nZ',
      'x',
      'x\r',
      'x\n',
      'x\r\n',
      'x\r\nflush_all\r\n',
      '*1\r\n$8\r\nFLUSHALL\r\n',
    ])
    await stage.holds('pwn', stage.what('safe'))
  }),
  onStage('A02 NUL, spaces, tabs, DEL, odd Unicode spaces and a BOM tell keys apart', (stage) =>
    allApart(stage, [
      'a',
      'a\0',
      '\0a',
      'a ',
      ' a',
      'a\t',
      'a\x7f',
      'a\x80',
      'a\xff',
      'a\u2028',
      'a\u0085',
      '\ufeffa',
      'a\u00a0',
      'a\u2003',
      '\0',
      ' ',
    ]),
  ),
  onStage('A03 250 and 251 bytes, 250 emoji, and keys that differ at their far end', (stage) =>
    allApart(stage, [
      'k'.repeat(250),
      'k'.repeat(251),
      'k'.repeat(252),
      '😀'.repeat(250),
      '😀'.repeat(251),
      `${'k'.repeat(5_000)}a`,
      `${'k'.repeat(5_000)}b`,
      'é'.repeat(125),
      'é'.repeat(126),
    ]),
  ),
  onStage('A03 a key of 1 MB is a key', async (stage) => {
    const key = 'x'.repeat(1_000_000)
    await stage.set(key, stage.what('long'))
    await stage.holds(key, stage.what('long'))
    await stage.isGone(`${key}y`)
    assert.equal(await stage.store.delete(stage.space, key), true)
  }),
  onStage('A05 lone surrogates never collide, nor with what UTF-8 makes of them', (stage) =>
    allApart(stage, [
      '\ud800',
      '\ud801',
      '\udc00',
      '\ufffd',
      '\ufffd\ufffd',
      '\ufffdd800',
      'a\ud800',
      'a\udfff',
      '\ud83d',
      '😀',
    ]),
  ),
  onStage('A05 composed and decomposed text are two keys; so are upper and lower case', (stage) =>
    allApart(stage, ['\u00e9', 'e\u0301', 'É', 'key', 'KEY', 'straße', 'strasse', 'ı', 'i', 'ﬁ', 'fi']),
  ),
  onStage('A06 names that objects have of themselves are keys like any other', async (stage) => {
    const names = [
      '__proto__',
      'constructor',
      'prototype',
      'hasOwnProperty',
      'toString',
      'valueOf',
      'then',
      'length',
    ]
    for (const name of names) await stage.isGone(name)
    await allApart(stage, names)
    assert.equal(Object.keys(Object.prototype).length, 0)
  }),
  onStage('A08 A15 globs, quotes and statements are part of the key', (stage) =>
    allApart(stage, [
      '*',
      '?',
      '[a]',
      '\\',
      '%',
      '_',
      "'",
      '"',
      '`',
      "'; DROP TABLE cache; --",
      '$1',
      '{a}',
      '{b}',
      '$(x)',
    ]),
  ),
  onStage('A09 paths are part of the key', (stage) =>
    allApart(stage, [
      '../x',
      '..\\x',
      '/etc/passwd',
      'C:\\x',
      '%2e%2e',
      'CON',
      'con.',
      '.',
      '..',
      '/',
      'a/b',
      'a//b',
      'a/../b',
    ]),
  ),
  onStage('A07 digits and colons at the edges of a key belong to it', (stage) =>
    allApart(stage, [':', '::', '1', '1:', ':1', ':1:', '1:1', 'a:1:b', 'a:2:b', '01', '1 ', '1.0', '-1']),
  ),
]
