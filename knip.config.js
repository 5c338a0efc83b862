/** What knip takes for alive: the doors, the command, and every program and test. All else must be used by one of them. */
import { doors } from './scripts/house.mjs'
import { ROOT } from './scripts/report.mjs'

export default {
  entry: [
    ...[...doors(ROOT).values()].map((file) => `src/${file}`),
    'src/cli/main.ts',
    'scripts/*.mjs',
    'bench/**/*.{mjs,ts}',
    'examples/**/*.mjs',
    'test/**/*.test.ts',
    'test/types/*.test-d.ts',
    'test/soak/*.mjs',
  ],
  project: ['{src,scripts,bench,examples,test}/**/*.{ts,mjs}'],
  // The first two are called by scripts/test.mjs by their programs; a test loads the others without their types, which would bring the DOM's.
  ignoreDependencies: ['@arethetypeswrong/cli', 'publint', 'preact', 'preact-render-to-string'],
  // Programs of Debian's packages, which the test servers are.
  ignoreBinaries: ['mariadb-install-db', 'memcached', 'mkfifo', 'openssl', 'redis-server', 'setpriv'],
  ignoreExportsUsedInFile: { interface: true, type: true },
}
