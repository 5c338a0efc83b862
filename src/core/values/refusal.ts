/** How a value that cannot be kept is spoken of: where it lies, and what it is. Never what it holds. */

/** From a value to one of its parts: a property, an index, or a place in a Map or Set. */
export type Step = PropertyKey | { readonly of: 'keys' | 'values'; readonly at: number }

/** `value.user.tags[3]`; the middle of a long way is left out. */
export function showPath(steps: readonly Step[]): string {
  const shown = steps.length > 20 ? [...steps.slice(0, 10), '…', ...steps.slice(-10)] : steps
  return `value${shown.map(showStep).join('')}`
}

function showStep(step: Step): string {
  if (step === '…') return '…'
  if (typeof step === 'number') return `[${step}]`
  if (typeof step === 'symbol') return `[${String(step)}]`
  if (typeof step === 'object') return `.${step.of}()[${step.at}]`
  const name = step.slice(0, 60)
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`
}

/** What a part that cannot be kept is, and what to do about it. */
export function refusal(part: unknown): string {
  if (typeof part === 'function') return 'a function: only data can be kept'
  if (typeof part === 'symbol') return 'a symbol: only data can be kept'
  const names = classNames(part)
  const name = names[0]
  if (has(part, 'then')) return 'a promise: await it'
  if (has(part, 'pipe') || names.includes('ReadableStream')) return 'a stream: read it first'
  if (name === 'WeakMap' || name === 'WeakSet' || name === 'WeakRef')
    return `a ${name}: its content cannot be seen`
  return name
    ? `an instance of ${name}: store plain data instead`
    : 'an object with a prototype: store plain data instead'
}

function has(part: unknown, method: string): boolean {
  // The property may be a getter that throws; then it is not this.
  try {
    return typeof (part as Record<string, unknown>)[method] === 'function'
  } catch {
    return false
  }
}

/** The names of its class and of those above. */
function classNames(part: unknown): string[] {
  const names: string[] = []
  for (
    let at = Object.getPrototypeOf(part);
    at !== null && names.length < 10;
    at = Object.getPrototypeOf(at)
  ) {
    const made: unknown = Object.getOwnPropertyDescriptor(at, 'constructor')?.value
    if (typeof made === 'function') names.push(made.name)
  }
  return names
}
