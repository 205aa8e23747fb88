import type { Log } from '../config/log.js'

/** One finished step of a request, for measurements. Holds no content. */
export interface CompletionStep {
  readonly name: 'wire' | 'reply-key' | 'server-key' | 'attest' | 'pace' | 'seal' | 'send' | 'open'
  readonly durationMs: number
  /** The wire that is used, of the step `wire`. */
  readonly wire?: 1 | 2
  /** The reason for it. */
  readonly reason?: string
}

/** The receivers of durations. */
export interface StepObserver {
  readonly onStep: (step: CompletionStep) => void
  readonly log: Log
}

/** Waits for the work of a step and reports its duration. */
export async function timeStep<T>(
  name: Exclude<CompletionStep['name'], 'wire'>,
  work: Promise<T>,
  observer: StepObserver,
): Promise<T> {
  const { result, durationMs } = await time(work)
  report({ name, durationMs }, observer)
  return result
}

/** Waits for the choice of a wire and reports it. */
export async function timeChoice<T extends Required<Pick<CompletionStep, 'wire' | 'reason'>>>(
  work: Promise<T>,
  observer: StepObserver,
): Promise<T> {
  const { result, durationMs } = await time(work)
  report({ name: 'wire', durationMs, wire: result.wire, reason: result.reason }, observer)
  return result
}

async function time<T>(work: Promise<T>): Promise<{ result: T; durationMs: number }> {
  const start = performance.now()
  const result = await work
  return { result, durationMs: performance.now() - start }
}

function report(step: CompletionStep, { onStep, log }: StepObserver): void {
  onStep(step)
  const { name, durationMs, wire, reason } = step
  const choice = wire === undefined ? '' : `: wire ${String(wire)}, ${String(reason)}`
  log.debug(`${name} took ${durationMs.toFixed(1)} ms${choice}`)
}
