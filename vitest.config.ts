import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // The rest of the program is a step of its own.
    typecheck: { enabled: true, include: ['test/types/**/*.test-d.ts'], tsconfig: 'tsconfig.types.json' },
    // Far beyond what any needs: they end what hangs, and nothing that a busy machine only slows down.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Cases that run side by side mostly wait for an end to come.
    maxConcurrency: 20,
    // vitest leaves a processor free, which of two leaves one. Many tests wait for a server's clock or for other processes.
    maxWorkers: '100%',
  },
})
