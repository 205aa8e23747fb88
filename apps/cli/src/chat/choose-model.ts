import { UsageError } from '../exit-codes.js'
import { listModels } from '../gateway/ask.js'
import { fetchTrustedKey, type ClientHooks } from '../gateway/client.js'
import { requireMachine } from '../gateway/judge-machine.js'
import type { Settings } from '../settings/settings.js'

/**
 * The first model of a gateway.
 *
 * @throws UsageError when there is none
 */
export function chooseModel([first]: readonly string[]): string {
  if (first !== undefined) return first
  throw new UsageError(
    'the gateway names no models; give one with --model, or as "model" in the config file',
  )
}

/**
 * The models of the gateway. Its key and its machine are looked at before: an API key goes along.
 *
 * @throws SecurityError, AttestationError, DistrustError when they are not to be trusted
 */
export async function listTrustedModels(
  settings: Settings,
  hooks: ClientHooks,
): Promise<readonly string[]> {
  // The request that follows looks at the key again, and tells of first use only once.
  await requireMachine(settings, await fetchTrustedKey(settings, hooks))
  return listModels(settings)
}
