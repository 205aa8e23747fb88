import type { SamplingOptions } from '../library.js'
import { unsupported } from '../refusals.js'
import { COMPLETION_MEMBERS, refuseOthers } from './members.js'
import { readMaxTokens, readSampling } from './sampling.js'

/** Request for the completion of a prompt in the terms of the library. */
export interface CompletionTask {
  readonly prompt: string
  readonly sampling: SamplingOptions
  readonly maxTokens: number
}

/** As OpenAI has it. */
const DEFAULT_MAX_TOKENS = 16

/**
 * Translates a request for the completion of one prompt.
 *
 * @throws UpstreamRefusal for what the engine cannot do
 */
export function readCompletionTask(request: Readonly<Record<string, unknown>>): CompletionTask {
  refuseOthers(request, COMPLETION_MEMBERS)
  const { prompt: given } = request
  const prompts: readonly unknown[] = Array.isArray(given) ? given : [given]
  const [prompt] = prompts
  if (prompts.length !== 1 || typeof prompt !== 'string') {
    throw unsupported('prompt', 'The embedded model completes one prompt that is a text.')
  }
  return {
    prompt,
    sampling: readSampling(request),
    maxTokens: readMaxTokens(request, ['max_tokens']) ?? DEFAULT_MAX_TOKENS,
  }
}
