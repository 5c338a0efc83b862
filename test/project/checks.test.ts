/** The checks of the tree, held against small trees that break each rule once. */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { examples, runExample } from '../../scripts/check-docs.mjs'
import { checkExports, exportMap, writeExports } from '../../scripts/check-exports.mjs'
import { checkLayers } from '../../scripts/check-layers.mjs'
import { checkContents, checkLock, checkManifest } from '../../scripts/check-package.mjs'
import { checkSiblings } from '../../scripts/check-siblings.mjs'
import { isBuilt, isInstalled } from '../../scripts/ready.mjs'

const trees: string[] = []

/** A tree with these files, and a package.json. */
function tree(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'stillwarm-tree-'))
  trees.push(root)
  for (const [path, text] of Object.entries({ 'package.json': '{}', ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}

afterEach(() => {
  for (const root of trees.splice(0)) rmSync(root, { recursive: true, force: true })
})

describe('check-layers', () => {
  const sound = {
    'package.json': JSON.stringify({ dependencies: { devalue: '1.0.0', 'lru-cache': '1.0.0' } }),
    'src/core/cache.ts': "import { join } from 'node:path'\nimport type { Key } from './key.ts'\n",
    'src/core/key.ts': '',
    'src/backends/client.ts': '',
    'src/backends/memory.ts': "import { Cache } from '../core/cache.ts'\n",
    'src/backends/redis.ts': "import { load } from './client.ts'\nconst driver = await import('ioredis')\n",
    'src/backends/sql/sql.ts': "import { dialect } from './dialect.ts'\n",
    'src/backends/sql/dialect.ts': '',
    'src/codecs/json.ts': "import { parse } from 'devalue'\n",
    'src/http/policy/vary.ts': "import { token } from './token.ts'\n",
    'src/http/policy/token.ts': '',
    'src/http/page-cache.ts':
      "import { vary } from './policy/vary.ts'\nimport { Cache } from '../core/cache.ts'\n",
    'src/cli/main.ts': "import '../core/cache.ts'",
    'src/index.ts': "export { memory } from './backends/memory.ts'\n",
  }

  it('finds nothing in a tree that keeps the rules', () => {
    expect(checkLayers(tree(sound))).toEqual([])
  })

  const broken: [rule: string, file: string, text: string, offence: RegExp][] = [
    [
      'core names no backend',
      'src/core/x.ts',
      "import '../backends/memory.ts'",
      /core may import no other layer/,
    ],
    [
      'types follow the same rules',
      'src/core/x.ts',
      "import type { M } from '../backends/memory.ts'",
      /not backends/,
    ],
    [
      'so do types named in place',
      'src/core/x.ts',
      "let m: import('../backends/memory.ts').M",
      /not backends/,
    ],
    ['so do lazy imports', 'src/core/x.ts', "await import('../backends/memory.ts')", /not backends/],
    ['so do re-exports', 'src/core/x.ts', "export * from '../backends/memory.ts'", /not backends/],
    ['core names no package', 'src/core/x.ts', "import 'lru-cache'", /core names no package/],
    ['policy has no Node module', 'src/http/policy/x.ts', "import 'node:fs'", /not even Node/],
    ['policy imports no core', 'src/http/policy/x.ts', "import '../../core/key.ts'", /not core/],
    ['an adapter holds no rule', 'src/http/adapters/x.ts', "import '../policy/vary.ts'", /not http\/policy/],
    ['a backend has no codec', 'src/backends/x.ts', "import '../codecs/json.ts'", /not codecs/],
    ['siblings stay apart', 'src/backends/x.ts', "import './memory.ts'", /x and memory are siblings/],
    [
      'so do folders of siblings',
      'src/backends/sql/x.ts',
      "import '../memory.ts'",
      /sql and memory are siblings/,
    ],
    ['a driver is lazy', 'src/backends/x.ts', "import 'pg'", /pg is no runtime dependency/],
    [
      'a package has one home',
      'src/codecs/x.ts',
      "import 'devalue'",
      /devalue is named in .*json\.ts and .*x\.ts/,
    ],
    ['nobody imports the cli', 'src/index.ts', "import './cli/main.ts'", /not cli/],
    ['a file is there', 'src/core/x.ts', "import './gone.ts'", /no such file/],
    ['a Node module says so', 'src/core/x.ts', "import 'fs'", /say node:fs/],
    ['src imports only src', 'src/core/x.ts', "import '../../package.json'", /outside every layer/],
    ['a folder is a known layer', 'src/utils/x.ts', '', /no layer/],
  ]
  for (const [rule, file, text, offence] of broken) {
    it(`${rule}: ${text || file}`, () => {
      const found = checkLayers(tree({ ...sound, [file]: text }))
      expect(found).toHaveLength(1)
      expect(found[0]).toMatch(offence)
      expect(found[0]).toContain(file)
    })
  }
})

describe('check-exports', () => {
  const built = {
    'dist/index.js': '',
    'dist/index.d.ts': '',
    'dist/backends/memory.js': '',
    'dist/backends/memory.d.ts': '',
  }
  const sources = { 'src/index.ts': '', 'src/backends/memory.ts': '', 'src/backends/client.ts': '' }

  it('a door is spelt by its family, without the words adapters and runners, and no shared file is one', () => {
    const files = [
      'http/index.ts',
      'http/adapters/express.ts',
      'http/adapters/capture.ts',
      'refresh/runners/bullmq.ts',
    ]
    const root = tree(
      Object.fromEntries(['backends/sql/sql.ts', 'index.ts', ...files].map((f) => [`src/${f}`, ''])),
    )
    expect(Object.keys(exportMap(root))).toEqual([
      '.',
      './http',
      './backends/sql',
      './refresh/bullmq',
      './http/express',
      './package.json',
    ])
    expect(exportMap(root)['./backends/sql']).toEqual({
      types: './dist/backends/sql/sql.d.ts',
      default: './dist/backends/sql/sql.js',
    })
  })

  it('what it writes it accepts', () => {
    const root = tree({ ...sources, ...built })
    expect(checkExports(root)).not.toEqual([])
    writeExports(root)
    expect(checkExports(root)).toEqual([])
  })

  it('says which door is missing, astray, left over or not built', () => {
    const root = tree({ ...sources, ...built })
    writeExports(root)
    writeFileSync(join(root, 'src/backends/file.ts'), '')
    expect(checkExports(root)).toEqual([
      './backends/file is missing from the export map',
      './backends/file: ./dist/backends/file.d.ts is not there: npm run build',
      './backends/file: ./dist/backends/file.js is not there: npm run build',
    ])
    const stray = {
      ...exportMap(tree(sources)),
      './backends/memory': './dist/index.js',
      './utils': './dist/utils.js',
    }
    const other = tree({ ...sources, ...built, 'package.json': JSON.stringify({ exports: stray }) })
    expect(checkExports(other)).toEqual([
      './backends/memory leads elsewhere than its folder says',
      './utils is in the export map, but no folder has it',
    ])
  })
})

describe('check-siblings', () => {
  it('every backend has a test and a page, and every page a backend', () => {
    const files = [
      'src/backends/a.ts',
      'test/backends/a.test.ts',
      'docs/backends/a.md',
      'src/backends/b/b.ts',
    ]
    const root = tree(Object.fromEntries([...files, 'docs/backends/gone.md'].map((f) => [f, ''])))
    expect(checkSiblings(root)).toEqual([
      'b has no test: test/backends/b.test.ts',
      'b has no page: docs/backends/b.md',
      'docs/backends/gone.md is about no backend',
    ])
  })
})

describe('check-package', () => {
  it('A104 publishes no tests, keys or dumps, no source maps, no paths of this machine, and at most 300 kB of core', () => {
    const root = tree({
      'src/index.ts': '',
      'dist/index.js': '//# sourceMappingURL=index.js.map',
      'dist/old.js': '',
    })
    writeFileSync(join(root, 'dist/index.d.ts'), `// ${root}/src/index.ts`)
    const files = [
      'dist/index.js',
      'dist/index.d.ts',
      'dist/old.js',
      'test/a.test.ts',
      'server.pem',
      'README.md',
    ]
    expect(
      checkContents(
        root,
        files.map((path) => ({ path, size: 100_001 })),
      ),
    ).toEqual([
      'dist/index.js points to a source map',
      'dist/index.d.ts holds a path of this machine',
      'dist/old.js has no source any more: npm run build',
      'test/a.test.ts has no business in the package',
      'server.pem has no business in the package',
    ])
    const large = checkContents(root, [{ path: 'dist/index.js', size: 300_001 }])
    expect(large).toContain('the core is 300001 bytes unpacked; at most 300000')
  })

  it('A103 allows few runtime dependencies, optional peers, exact pins and no install scripts', () => {
    const sound = {
      dependencies: { devalue: '6.0.3' },
      devDependencies: { vitest: '4.1.11' },
      scripts: { test: 'x' },
    }
    expect(checkManifest(sound)).toEqual([])
    expect(checkManifest({ dependencies: { devalue: '^6.0.3' } })).toHaveLength(1)
    expect(checkManifest({ dependencies: { ioredis: '6.0.0' } })).toHaveLength(1)
    expect(checkManifest({ devDependencies: { vitest: '*' } })).toHaveLength(1)
    expect(checkManifest({ peerDependencies: { pg: '8' } })).toHaveLength(1)
    expect(
      checkManifest({ peerDependencies: { pg: '8' }, peerDependenciesMeta: { pg: { optional: true } } }),
    ).toEqual([])
    expect(checkManifest({ scripts: { postinstall: 'x' } })).toHaveLength(1)
  })

  it('A103 the lock file has an integrity for everything, and no addresses', () => {
    const packages = {
      '': {},
      'node_modules/a': { integrity: 'sha512-x', dev: true, hasInstallScript: true },
    }
    expect(checkLock({ packages })).toEqual([])
    const bad = {
      'node_modules/b': { resolved: 'somewhere' },
      'node_modules/c': { integrity: 'x', hasInstallScript: true },
    }
    expect(checkLock({ packages: { ...packages, ...bad } })).toHaveLength(3)
  })

  it('the lock file holds all that npm ci asks for, packages of other platforms too', () => {
    const integrity = 'sha512-x'
    const packages = {
      'node_modules/a': { integrity, dependencies: { b: '1' }, optionalDependencies: { '@c/d': '1' } },
      'node_modules/a/node_modules/b': { integrity, dependencies: { e: '1' } },
      'node_modules/e': { integrity },
    }
    expect(checkLock({ packages })).toEqual([expect.stringContaining('node_modules/a needs @c/d')])
  })
})

describe('check-docs', () => {
  it('finds the blocks that are marked to run', () => {
    const page = [
      '```ts',
      'no()',
      '```',
      '```ts run',
      'a()',
      '',
      'b()',
      '```',
      '```js run',
      'c()',
      '```',
    ].join('\n')
    expect(examples(page)).toEqual([
      { line: 4, code: 'a()\n\nb()' },
      { line: 9, code: 'c()' },
    ])
    expect(() => examples('```js run\nx()')).toThrow(/line 1/)
  })

  it('an example runs as written and prints what it says', () => {
    const root = tree({})
    expect(runExample('const n: number = 1\nconsole.log(n + 1) // → 2', root)).toBeUndefined()
    expect(runExample('console.log(1 + 1) // → 3', root)).toMatch(/printed/)
    expect(runExample("throw new Error('broken')", root)).toMatch(/broken/)
  })
})

describe('ready', () => {
  it('packages are there when each of the lock file is, in its version', () => {
    const lock = (version: string) => JSON.stringify({ packages: { '': {}, 'node_modules/a': { version } } })
    expect(isInstalled(tree({ 'package-lock.json': lock('1.0.0') }))).toBe(false)
    const root = tree({
      'package-lock.json': lock('1.0.0'),
      'node_modules/.package-lock.json': lock('1.0.0'),
    })
    expect(isInstalled(root)).toBe(true)
    writeFileSync(join(root, 'package-lock.json'), lock('1.0.1'))
    expect(isInstalled(root)).toBe(false)
  })

  it('dist is built when it mirrors src, and nothing in src is younger', () => {
    const root = tree({ 'tsconfig.json': '', 'tsconfig.build.json': '', 'src/a.ts': '' })
    expect(isBuilt(root)).toBe(false)
    mkdirSync(join(root, 'dist'))
    writeFileSync(join(root, 'dist/a.js'), '')
    expect(isBuilt(root)).toBe(true)
    utimesSync(join(root, 'src/a.ts'), new Date(), new Date(Date.now() + 5_000))
    expect(isBuilt(root)).toBe(false)
    utimesSync(join(root, 'src/a.ts'), new Date(), new Date(0))
    writeFileSync(join(root, 'dist/b.js'), '')
    expect(isBuilt(root)).toBe(false)
  })
})
