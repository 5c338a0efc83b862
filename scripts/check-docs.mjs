// @ts-check
/**
 * Runs the examples of the documentation as written. A fenced block marked `js run` or `ts run` is a whole program:
 * it must end well, and each `// → text` in it must be what it printed, line by line.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ts from 'typescript'
import { isMain, ROOT, report } from './report.mjs'

/**
 * @param {string} text a Markdown page
 * @returns {{ line: number, code: string }[]}
 */
export function examples(text) {
  const found = []
  const lines = text.split('\n')
  for (let i = 0; i < lines.length; i++) {
    if (!/^```(js|ts) run\s*$/.test(lines[i] ?? '')) continue
    const end = lines.indexOf('```', i)
    if (end === -1) throw new Error(`the block that begins on line ${i + 1} never ends`)
    found.push({ line: i + 1, code: lines.slice(i + 1, end).join('\n') })
    i = end
  }
  return found
}

/**
 * Runs one example in the package's own name, in a folder of its own for what it writes.
 *
 * @param {string} code
 * @param {string} root the package
 * @returns {string | undefined} what is wrong with it
 */
export function runExample(code, root) {
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    },
  })
  const home = mkdtempSync(join(tmpdir(), 'stillwarm-docs-'))
  try {
    const run = spawnSync(process.execPath, ['--input-type=module', '-'], {
      cwd: root,
      input: outputText,
      encoding: 'utf8',
      timeout: 20_000,
      env: { ...process.env, TMPDIR: home },
    })
    if (run.status !== 0) return run.stderr.trim() || `ended by ${run.signal ?? run.status}`
    const expected = [...code.matchAll(/\/\/ → (.*)$/gm)].map((match) => match[1]?.trim())
    const printed = run.stdout.trimEnd().split('\n')
    if (expected.length > 0 && expected.join('\n') !== printed.join('\n')) {
      return `printed\n${run.stdout.trimEnd()}\nand not\n${expected.join('\n')}`
    }
    return undefined
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

/**
 * @param {string} root
 * @returns {string[]}
 */
function checkDocs(root) {
  const docs = join(root, 'docs')
  const pages = [
    'README.md',
    ...(existsSync(docs) ? readdirSync(docs, { recursive: true, encoding: 'utf8' }) : [])
      .filter((path) => path.endsWith('.md'))
      .map((path) => `docs/${path}`),
  ]
  /** @type {string[]} */
  const offences = []
  let count = 0
  for (const page of pages) {
    for (const { line, code } of examples(readFileSync(join(root, page), 'utf8'))) {
      count += 1
      const wrong = runExample(code, root)
      if (wrong) offences.push(`${page}:${line}: ${wrong}`)
    }
  }
  console.log(`${count} examples on ${pages.length} pages`)
  return offences
}

if (isMain(import.meta.url)) report('examples', checkDocs(ROOT))
