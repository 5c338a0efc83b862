/**
 * What a backend that fails means to the caller: by default a miss, a `false`, an event and a counter; with `onBackendError: 'throw'`
 * a `BackendError`. What we ourselves refuse, and what a load throws, is no fault of the backend and passes through.
 */
import { type Answer, isPromise } from './answer.ts'
import { BackendError, isDeliberate, UnavailableError } from './errors.ts'
import type { Observer } from './seeing/observe.ts'
import type { Settings } from './settings.ts'

export class FaultPolicy {
  readonly #settings: Settings
  readonly #observer: Observer

  constructor(settings: Settings, observer: Observer) {
    this.#settings = settings
    this.#observer = observer
  }

  /** Asks the backend; where it fails, the fallback or an error. */
  attempt<T, F = T>(verb: string, ask: () => Answer<T>, fallback: F): Answer<T | F> {
    try {
      const answer = ask()
      return isPromise(answer) ? answer.catch((error: unknown) => this.fault(verb, error, fallback)) : answer
    } catch (error) {
      return this.fault(verb, error, fallback)
    }
  }

  fault<F>(verb: string, error: unknown, fallback: F): F {
    if (isDeliberate(error)) throw error
    if (error instanceof UnavailableError) this.#observer.counts.backendFailures++
    else this.#observer.see({ type: 'backend-failed', verb, error })
    if (this.#settings.onBackendError === 'miss') return fallback
    const { alias, backend } = this.#settings
    const message = `${verb} failed: the backend ${backend.name} of cache ${JSON.stringify(alias)} did not answer`
    throw new BackendError('BACKEND_FAILED', message, { cause: error })
  }
}
