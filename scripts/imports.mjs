// @ts-check
/** What a source file imports, read by the TypeScript parser: static, `import()`, types, re-exports, `require`. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import ts from 'typescript'

/**
 * @typedef {object} Import
 * @property {string} from  the specifier as written
 * @property {'static' | 'lazy' | 'type'} kind
 * @property {number} line
 */

/**
 * @param {string} path
 * @returns {Import[]}
 */
export function importsOf(path) {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true)
  /** @type {Import[]} */
  const found = []
  /** @type {(node: ts.Node | undefined, kind: Import['kind']) => void} */
  const add = (node, kind) => {
    if (node && ts.isStringLiteralLike(node)) {
      found.push({ from: node.text, kind, line: source.getLineAndCharacterOfPosition(node.pos).line + 1 })
    }
  }
  /** @param {ts.Node} node */
  const visit = (node) => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.isTypeOnly ? 'type' : 'static')
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly ? 'type' : 'static')
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal, 'type')
    } else if (ts.isCallExpression(node) && isLoad(node.expression)) {
      add(node.arguments[0], 'lazy')
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** @param {ts.Expression} callee */
function isLoad(callee) {
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require')
}

/**
 * Every TypeScript file under a folder, by its path from there, with `/`.
 *
 * @param {string} folder
 * @returns {string[]}
 */
export function sourceFiles(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort()
}
