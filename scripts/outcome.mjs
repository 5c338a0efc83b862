// @ts-check
/** What a run of vitest came to, read from its JSON report. */
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { ROOT } from './report.mjs'

/** @typedef {{ status: string, fullName: string, failureMessages: string[] }} Assertion */
/** @typedef {{ file: string, name: string, message: string }} Failure */

/**
 * Without a report, the run as a whole has failed.
 *
 * @param {string} path
 * @returns {{ passed: number, skipped: string[], failures: Failure[] }}
 */
export function outcomeOf(path) {
  /** @type {{ numPassedTests: number, testResults: { name: string, message: string, assertionResults: Assertion[] }[] }} */
  let report
  try {
    report = JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return { passed: 0, skipped: [], failures: [{ file: '', name: 'the run', message: 'left no report' }] }
  }
  const tests = report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ status, fullName, failureMessages }) => ({
      file: relative(ROOT, name),
      name: fullName,
      status,
      message: firstLine(failureMessages[0]),
    })),
  )
  const notLoaded = report.testResults
    .filter(({ assertionResults, message }) => assertionResults.length === 0 && message)
    .map(({ name, message }) => ({
      file: relative(ROOT, name),
      name: 'cannot be loaded',
      message: firstLine(message),
    }))
  return {
    passed: report.numPassedTests,
    skipped: tests
      .filter(({ status }) => status !== 'passed' && status !== 'failed')
      .map(({ file, name }) => `${file}: ${name}`),
    failures: [...tests.filter(({ status }) => status === 'failed'), ...notLoaded],
  }
}

function firstLine(/** @type {string | undefined} */ text) {
  return text?.split('\n', 1)[0] ?? ''
}
