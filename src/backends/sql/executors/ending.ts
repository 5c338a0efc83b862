/** That a connection is gone: told once somebody listens, though it may have gone before. */
export class Ending {
  #over = false
  #listener: (() => void) | undefined

  readonly tell = (): void => {
    this.#over = true
    this.#listener?.()
  }

  readonly onEnd = (listener: () => void): void => {
    this.#listener = listener
    if (this.#over) listener()
  }
}
