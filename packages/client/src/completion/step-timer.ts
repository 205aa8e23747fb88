import type { Log } from '../config/log.js'

/** One finished step of a request, for measurements. Holds no content. */
export interface CompletionStep {
  readonly name: 'reply-key' | 'server-key' | 'attest' | 'pace' | 'seal' | 'send' | 'open'
  readonly durationMs: number
}

/** The receivers of durations. */
export interface StepObserver {
  readonly onStep: (step: CompletionStep) => void
  readonly log: Log
}

/** Waits for the work of a step and reports its duration. */
export async function timeStep<T>(
  name: CompletionStep['name'],
  work: Promise<T>,
  { onStep, log }: StepObserver,
): Promise<T> {
  const start = performance.now()
  const result = await work
  const durationMs = performance.now() - start
  onStep({ name, durationMs })
  log.debug(`${name} took ${durationMs.toFixed(1)} ms`)
  return result
}
