/** One check; it throws where a library does not conform. */
export interface Case {
  readonly name: string
  run(): Promise<void>
}

/** Cases that belong together. */
export interface Suite {
  readonly name: string
  readonly cases: readonly Case[]
}

/** Result of one case. */
export interface Outcome {
  readonly suite: string
  readonly name: string
  /** Why it failed; null where it did not. */
  readonly error: string | null
  readonly durationMs: number
}

/** Longer than any case takes on a busy machine, so that one that hangs does not stop the others. */
const TIME_LIMIT_MS = 60_000

/** Runs every case, one after the other, in the order given. */
export async function runSuites(suites: readonly Suite[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const { name: suite, cases } of suites) {
    for (const { name, run } of cases) {
      const start = performance.now()
      const error = await withTimeLimit(run).then(
        () => null,
        (reason: unknown) => describeError(reason),
      )
      outcomes.push({ suite, name, error, durationMs: performance.now() - start })
    }
  }
  return outcomes
}

/** @throws Error unless both are the same value */
export function equal(actual: unknown, expected: unknown): void {
  if (!Object.is(actual, expected)) {
    throw new Error(`expected ${String(expected)}, got ${String(actual)}`)
  }
}

/** @throws Error unless both are the same JSON */
export function sameJson(actual: unknown, expected: unknown): void {
  equal(JSON.stringify(actual), JSON.stringify(expected))
}

/** Resolves with the reason for which a promise is rejected. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('expected a rejection')
}

/** Resolves with the error that a function throws. */
export const thrownBy = (action: () => unknown): Promise<unknown> =>
  rejectionOf(
    new Promise((resolve) => {
      resolve(action())
    }),
  )

type ErrorClass = abstract new (...parameters: never[]) => Error & { readonly code: string }

/** The code of an error, which must be one of this class; anything else does not conform. */
export function codeOf(error: unknown, errorClass: ErrorClass): string {
  if (!(error instanceof errorClass)) throw error
  return error.code
}

export const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text)

export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

export const fromBase64 = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text), (character) => character.charCodeAt(0))

async function withTimeLimit(run: () => Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`did not end within ${TIME_LIMIT_MS / 1000} s`))
    }, TIME_LIMIT_MS)
  })
  try {
    await Promise.race([run(), late])
  } finally {
    clearTimeout(timer)
  }
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? ` ${String(error.code)}` : ''
  return `${error.name}${code}: ${error.message}`
}
