import type { CompletionStep, SecureChatCompletion } from '@nomyo/client'
import type { Output } from '../../output/output.js'
import type { WireTap } from './wire-tap.js'

/** Model behind the gateway. */
export interface DemoModel {
  readonly name: string
  /** The demo engine: it repeats the prompt, and is no model. */
  readonly isStandIn: boolean
}

export const PROMPT = 'Patient 4711: does clarithromycin go with 40 mg atorvastatin?'
/** Sent with every request. The gateway of the demo requires none. */
export const API_KEY = 'demo-key-of-ward-7'

/** The one question of the demo; of a model, a short answer is enough. */
export const question = ({ name, isStandIn }: DemoModel) => ({
  model: name,
  messages: [{ role: 'user' as const, content: PROMPT }],
  ...(isStandIn ? {} : { max_completion_tokens: 120, reasoning_effort: 'none' as const }),
})

/** Options of a client that differ between scenes. */
export type ClientOptions = Pick<
  NonNullable<ConstructorParameters<typeof SecureChatCompletion>[0]>,
  'wire' | 'attestation' | 'knownServers'
>

/** Parts of a running demo. */
export interface Scene {
  readonly output: Output
  readonly model: DemoModel
  /** Between all clients and the gateway. */
  readonly tap: WireTap
  /** Speaks the wire that the gateway offers, and remembers it. */
  readonly client: SecureChatCompletion
  /** The steps of `client` so far. */
  readonly steps: readonly CompletionStep[]
  /** Makes a client with nothing in its memory, which ends with the demo. */
  readonly newClient: (options: ClientOptions) => SecureChatCompletion
  /** Begins a numbered section of the output. */
  readonly section: (title: string) => void
  /** Prints and counts a check. */
  readonly check: (holds: boolean, what: string) => void
}

/** Describes the result of a call, or its error. */
export function describeOutcome(outcome: unknown): string {
  if (!(outcome instanceof Error)) return 'accepted'
  const { name, code } = outcome as { name: string; code?: unknown }
  return typeof code === 'string' ? `${name} ${code}` : name
}
