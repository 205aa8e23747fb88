import { UsageError } from '../exit-codes.js'
import { listModels } from '../gateway/ask.js'
import { fetchTrustedKey, type ClientHooks } from '../gateway/client.js'
import type { Settings } from '../settings/settings.js'

/**
 * The first model of the gateway. Its key is looked at before: an API key goes along.
 *
 * @throws UsageError when there is none
 */
export async function chooseModel(settings: Settings, hooks: ClientHooks): Promise<string> {
  // The request that follows looks at the key again, and tells of first use only once.
  await fetchTrustedKey(settings, hooks)
  const [first] = await listModels(settings)
  if (first !== undefined) return first
  throw new UsageError(
    'the gateway names no models; give one with --model, or as "model" in the config file',
  )
}
